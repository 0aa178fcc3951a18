"""A store in a data directory among canaries, and a way to send it the attacks of the verifier."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from locara.errors import StorageError
from locara.storage.limits import APP
from locara.storage.search import SearchRequest
from locara.storage.store import Store
from locara_verify.oracle.canaries import differences, snapshot
from locara_verify.strategies.sql import Places, SqlAttack
from locara_verify.strategies.sql_atoms import PREPARE

SECRET = "LOCARA-SECRET-71c1"
# A bound short enough for a test; what is proven is that the bound holds, not its size.
QUICK = replace(APP, seconds=0.4)


@dataclass(frozen=True)
class Arena:
    """A store and the files around it, which no statement may read or change."""

    store: Store
    root: Path
    places: Places

    def send(self, attack: SqlAttack) -> tuple[str, str]:
        """The code of the refusal (empty when it succeeded) and everything that came back as text."""
        try:
            if attack.search:
                return "", repr(self.store.search(SearchRequest(**attack.search)))
            if attack.entry == "batch":
                return "", repr(self.store.batch(attack.statements))
            sql, params = attack.statements[0]
            return "", repr(getattr(self.store, attack.entry)(sql, params))
        except StorageError as error:
            return error.code, error.diagnostics()

    def around(self) -> dict[str, object]:
        """Everything in the arena but the database's own files."""
        found = snapshot(self.root, times=False)
        return {name: entry for name, entry in found.items() if not name.startswith("data/db")}

    def changes(self, before: dict[str, object]) -> tuple[str, ...]:
        return differences(before, self.around())  # type: ignore[arg-type]

    def files_of_database(self) -> set[str]:
        return {path.name for path in (self.root / "data/db").iterdir()}


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    for name in ("data/files", "data/audit", "outside"):
        (tmp_path / name).mkdir(parents=True)
    texts = [
        tmp_path / name for name in ("data/files/secret.txt", "data/audit/log.jsonl", "outside/secret.txt")
    ]
    for path in texts:
        path.write_text(SECRET)
    databases = [tmp_path / name for name in ("data/files/secret.sqlite3", "outside/secret.sqlite3")]
    for path in databases:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE secret(a)")
            other.execute("INSERT INTO secret VALUES(?)", (SECRET,))
        other.close()
    new = (tmp_path / "data/files/new.sqlite3", tmp_path / "outside/new", Path("relative-new"))
    places = Places(tuple(map(str, databases)), tuple(map(str, texts)), tuple(map(str, new)))
    with Store.open(tmp_path / "data/db/app.sqlite3", schema_dir=None, quota_mb=32, limits=QUICK) as store:
        store.settings.set("guard", SECRET)
        for sql in PREPARE:
            store.exec(sql)
        yield Arena(store, tmp_path, places)
