"""The database of an app: SQLite with full text and vectors, safe to hand to SQL nobody has read.

    from locara.storage.store import Store
    store = Store.open(path, schema_dir=app / "db", quota_mb=2048)      # creates, checks, migrates
    store.query(sql, params)      -> Rows(columns, rows)                # one reading statement
    store.exec(sql, params)       -> Change(changes, last_row_id, returned: Rows | None)
    store.batch([(sql, params)])  -> tuple[Change, ...]                 # all or nothing
    store.search(SearchRequest(table=…, k=…, embedding=…, text=…, fts=…, filter=…)) -> tuple[Hit, ...]
    store.settings.get(key, scope) -> (found, value); .set(key, value, scope); .get_all(scope)
    store.settings.delete(key, scope) -> bool
    store.migrations              -> tuple[Applied, ...]                # number, name, digest, applied
    store.close()                                                       # also a context manager

`Rows`, `Change` and `Hit` have ``.json()``, the object of an IPC reply. ``params`` is an array or an object
of JSON values; an array of numbers becomes a float32 vector, ``{"$blob": base64}`` bytes, ``{"$int":
decimal}`` a big integer (`locara.storage.values`). Every method may be called from any thread. Every
failure is a `StorageError` whose ``code`` is in `locara.storage.faults.CODES`;
`locara.storage.faults.ipc_code` gives the code of the IPC reply.

What holds whatever the SQL says:

- one statement per call; transactions, other files, extensions, PRAGMA (but a few read-only ones),
  temporary objects, VACUUM, ANALYZE, internal tables and unlisted functions are refused by an allow-list
  (`locara.storage.policy`);
- a call ends after `Limits.seconds`, returns at most `Limits.rows` and `Limits.result_bytes`, and SQLite's
  memory in this process stays below `Limits.heap_bytes`; sorts and temporary results stay in memory, never
  in files;
- the database file stays below the quota; the directory holds the database, its ``-wal`` and ``-shm`` and
  ``backups/``.

Known limits. Triggers may write FTS5 tables but not vec0 tables (SQLite refuses unsafe virtual tables in a
schema): write the vector in the same `Store.batch`. ``json_patch()`` is left out because its time grows
with the product of two texts; ``highlight()`` and ``snippet()`` are the runtime's own, for texts up to 1
MiB. SQLite cannot be interrupted inside one step, and FTS5 judges a document in one step: a MATCH takes a text or a
parameter of bounded size, never a computed one, and a text in a full-text table has at most 1 MiB
(`locara.storage.matches`).
"""

from __future__ import annotations
