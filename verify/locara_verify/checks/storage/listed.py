"""LC221 to LC223 at the list itself, without what SQLite refuses beside it: each pragma that this SQLite has, functions
that reach files and code, and every spelling of another database."""

from __future__ import annotations

from typing import Final

from locara_verify.tally import Tally

FILES, CODE, PRAGMAS = "LC221", "LC222", "LC223"
_ABOUT: Final = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"}
    | {"foreign_key_list", "foreign_key_check"}
)
"""Questions about one table or index."""
_PLAIN: Final = frozenset({"data_version", "user_version", "page_count", "page_size", "freelist_count"})
_REACH: Final = (
    *("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "fsdir", "lsmode", "sqlite_log"),
    *(
        "sqlite_compileoption_get",
        "sqlite_compileoption_used",
        "sqlite_source_id",
        "json_patch",
        "rtreecheck",
        "eval",
    ),
)
"""Functions that load code, reach files, tell how SQLite was made, or cost the product of two texts."""
_DATABASES: Final = (
    "",
    ":memory:",
    "file::memory:?cache=shared",
    "file:x?mode=ro",
    "x.sqlite3",
    "/x",
    "../x",
    "C:x",
)


def listed(tally: Tally) -> None:
    """What the list answers, asked as SQLite asks it."""
    import apsw  # noqa: PLC0415 - only checks of the store load it

    from locara.storage.policy import Policy  # noqa: PLC0415 - as above

    policy = Policy()
    found = {str(name).lower() for (name,) in apsw.Connection(":memory:").execute("PRAGMA pragma_list")}
    old = {
        "temp_store_directory",
        "data_store_directory",
        "count_changes",
        "full_column_names",
        "key",
        "rekey",
    }
    for name in sorted(found | old | _ABOUT | _PLAIN):
        for spelt in (name, name.upper()):
            for argument, may in (
                ("", name in _ABOUT | _PLAIN),
                ("1", name in _ABOUT),
                ("/x", name in _ABOUT),
            ):
                allowed = policy(apsw.SQLITE_PRAGMA, spelt, argument, "main", None) == apsw.SQLITE_OK
                told = f"PRAGMA {spelt} = {argument!r}"
                if may:
                    tally.twin(PRAGMAS, allowed, f"{told} is a question about the schema")
                else:
                    tally.judge(
                        PRAGMAS, not allowed, "a pragma is on the list that asks nothing of the schema", told
                    )
    for name in _REACH:
        for spelt in (name, name.upper()):
            allowed = policy(apsw.SQLITE_FUNCTION, None, spelt, "main", None) == apsw.SQLITE_OK
            tally.judge(
                CODE, not allowed, "a function is on the list that reaches beyond the database", spelt
            )
    for name in _DATABASES:
        allowed = policy(apsw.SQLITE_ATTACH, name, None, None, None) == apsw.SQLITE_OK
        tally.judge(FILES, not allowed, "another database may be attached", repr(name))
