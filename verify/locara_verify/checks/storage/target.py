"""The app's store as a target: tables to attack, canaries around it, and what must not change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.checks.escape.arena import Arena, hand_over
from locara_verify.checks.escape.link import Reply
from locara_verify.checks.escape.processes import runtime_of
from locara_verify.oracle.canaries import CanaryError, Entry, differences, snapshot
from locara_verify.strategies.sql import Places, SqlAttack
from locara_verify.strategies.sql_atoms import PREPARE, TWINS

Json = Any

INDEX: Final = "tmp/vectors"
NEAREST: Final[Mapping[str, Json]] = {"table": "vectors", "k": 1, "embedding": [0.0, 1.0, 0.0, 0.0]}
OWN_FILES: Final = frozenset({"app.sqlite3", "app.sqlite3-wal", "app.sqlite3-shm", "backups"})
GUARD: Final = "a setting that SQL must not reach"
REFUSED: Final = frozenset({"storage_error", "bad_request", "bad_frame", "limit_exceeded", "quota_exceeded"})


def secret_database(path: Path, token: str) -> None:
    """A real database with the token in it; proven by reading it back the way an attack would."""
    import apsw  # noqa: PLC0415 - only live checks need it

    path.parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE secret(a)")
    connection.execute("INSERT INTO secret VALUES(?)", (token,))
    connection.close()
    control = apsw.Connection(":memory:")
    control.execute("ATTACH ? AS x", (str(path),))
    if control.execute("SELECT a FROM x.secret").fetchall() != [(token,)]:
        raise CanaryError(f"the canary database {path.name} cannot be read by ATTACH")
    control.close()


@dataclass(frozen=True, slots=True)
class Store:
    """The store of a running app. Paths in `places` are as the runtime sees them; ``data`` is of the host."""

    arena: Arena
    places: Places
    data: Path

    def send(self, attack: SqlAttack) -> Reply:
        """Send one attack through its entry point."""
        return self.arena.link.ask(f"db.{attack.entry}", arguments_of(attack))

    def files(self) -> dict[str, Entry]:
        """Everything in the app's data folder but what may grow: database, audit log and vector index."""
        found = snapshot(self.data, times=False)
        grows = ("db", "audit/log.jsonl", INDEX)
        return {name: entry for name, entry in found.items() if not name.startswith(grows)}

    def strangers(self) -> list[str]:
        """Files beside the database that do not belong there."""
        return sorted(path.name for path in (self.data / "db").iterdir() if path.name not in OWN_FILES)

    def schema(self) -> Json:
        """Names and definitions of all tables, as the app sees them."""
        return self.arena.link.ask(
            "db.query", {"sql": "SELECT name, sql FROM sqlite_master ORDER BY 1"}
        ).result

    def twins(self, family: str) -> list[str]:
        """What failed of the family's ordinary uses; empty when all of them work."""
        failed = []
        for entry, sql, params in TWINS[family]:
            reply = self.arena.link.ask(f"db.{entry}", {"sql": sql, "params": params})
            if not reply.ok:
                failed.append(f"{sql}: {reply.error}")
        found = self.arena.link.ask("db.search", NEAREST)
        if not found.ok or [hit.get("id") for hit in found.result.get("hits", ())] != [2]:
            failed.append(f"the nearest vector is not found: {found.result or found.error}")
        kept = self.arena.link.ask("settings.get", {"key": "guard"})
        if not kept.ok or kept.result.get("value") != GUARD:
            failed.append(f"the guarded setting reads {kept.result or kept.error}")
        return failed

    def peak_memory(self) -> int | None:
        """The most memory the runtime has held so far, in bytes."""
        pid = runtime_of(self.arena.app.pid)
        if pid is None:
            return None
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None


def arguments_of(attack: SqlAttack) -> Mapping[str, Json]:
    """The arguments of the command an attack is sent with."""
    if attack.search:
        return attack.search
    statements = [{"sql": sql, "params": params} for sql, params in attack.statements]
    return {"statements": statements} if attack.entry == "batch" else statements[0]


def prepare(arena: Arena) -> Store:
    """Plant canaries around the store and make its ordinary tables. CanaryError when a control fails."""
    data, outside = arena.data, arena.outside
    tokens = arena.tokens
    planted = {
        "/data/files/secret.sqlite3": data / "files/secret.sqlite3",
        "/data/secret.sqlite3": data / "secret.sqlite3",
        str(outside / "secret.sqlite3"): outside / "secret.sqlite3",
    }
    for number, path in enumerate(planted.values()):
        secret_database(path, tokens.make(f"database-{number}"))
    (data / "files/secret.txt").write_text(tokens.make("file-of-the-app"), encoding="utf-8")
    tokens.prove()
    for root in (data, outside):
        hand_over(root)
    for tree in arena.trees.values():
        tree.mark()
    texts = (
        "/data/files/secret.txt",
        "/data/audit/log.jsonl",
        "/app/locara.json",
        f"/data/{INDEX}/stamp.json",
        "/etc/passwd",
        str(outside / "secret.txt"),
    )
    new = (
        "/data/files/new.sqlite3",
        "/data/audit/new",
        "/data/tmp/new",
        f"/data/{INDEX}/new",
        "/tmp/new",  # noqa: S108 - a name for an attack, nothing is created there
        "new",
        str(outside / "new"),
    )
    for sql in PREPARE:
        reply = arena.link.ask("db.exec", {"sql": sql})
        if not reply.ok:
            raise CanaryError(f"the tables to attack could not be made: {json.dumps(dict(reply.error))}")
    arena.link.ask("settings.set", {"key": "guard", "value": GUARD})
    return Store(arena, Places(tuple(planted), texts, new), data)


def changed(before: dict[str, Entry], after: dict[str, Entry]) -> str:
    """What changed between two listings, as one sentence; empty when nothing did."""
    return "; ".join(differences(before, after)[:6])
