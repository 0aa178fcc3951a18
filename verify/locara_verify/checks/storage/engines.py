"""LC227: each vector engine finds what is nearest, forgets what was deleted, and never more than SQLite holds.

The app runs with one engine after the other and is told to write, change, delete and search. The judge keeps the
vectors itself and measures in plain arithmetic. Between two rounds the app is killed, and its engine exchanged.
"""

from __future__ import annotations

import math
import os
import random
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC227"
NAME: Final = "vector-engines"
# Engine, whether rows are changed and deleted, and whether it is killed. The second leaves an index to trust, over
# which the third then writes.
ROUNDS: Final = (
    ("zvec", True, True), ("zvec", False, False), ("sqlite-vec", True, True), ("zvec", True, False),
)  # fmt: skip
SIZE: Final = 6
K: Final = 5
TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS lc_plain(id INTEGER PRIMARY KEY, embedding BLOB)",
    f"CREATE VIRTUAL TABLE IF NOT EXISTS lc_vec USING vec0(embedding float[{SIZE}] distance_metric=cosine)",
)
Vectors = dict[int, list[float]]


@check(NAME, rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """One data folder, several starts: each with an engine, each ended by a kill or in order."""
    tally, rng = Tally(), ctx.rng(NAME)
    home, kept = ctx.fresh_dir("home"), {name: Vectors() for name in ("lc_plain", "lc_vec")}
    rounds = max(6, ctx.profile.live_operations // 250)
    for number, (engine, deletes, killed) in enumerate(ROUNDS):
        app = ctx.variant(f"engine-{number}", partial(_only, engine=engine), page=False)
        with ctx.open_app(app, home=home) as running:
            call = running.client.call
            for statement in TABLES:
                call("db.exec", {"sql": statement}, timeout=20.0)
            for turn in range(rounds):
                ctx.progress(number * rounds + turn, len(ROUNDS) * rounds, engine)
                for table, vectors in kept.items():
                    _change(rng, running.client, table, vectors, deletes=deletes)
                    _compare(tally, rng, running.client, table=table, vectors=vectors, engine=engine)
            _index_is_out_of_reach(tally, running.client, engine)
            folder = running.home.path / "tmp" / "vectors"
            if engine == "zvec" and not any(path.is_dir() for path in folder.iterdir()):
                tally.undecided(RULE, "zvec was not used: its folder is empty")
            for table, vectors in kept.items() if deletes else ():
                gone = vectors.popitem()[0]
                key = "rowid" if table == "lc_vec" else "id"
                delete = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608
                call("db.exec", {"sql": delete, "params": [gone]}, timeout=20.0)
            if killed:
                os.kill(running.pid, signal.SIGKILL)
        if engine == "zvec" and deletes and not killed:
            _nothing_deleted_is_left(tally, folder, kept)
    return tally.result()


def _only(document: dict[str, Any], engine: str) -> None:
    for part in ("modalities", "profiles", "tooling"):
        document.pop(part, None)
    document["capabilities"] = {"fs.app-data": "read-write"}
    document["storage"] = {"vector": {"engine": engine}, "quota_mb": 64}


def _vector(rng: random.Random) -> list[float]:
    return [rng.uniform(-1, 1) for _ in range(SIZE)]


def _change(rng: random.Random, client: Client, table: str, vectors: Vectors, *, deletes: bool) -> None:
    """Some new rows, one that changes, one that goes, and a batch that fails after it deleted."""
    key = "rowid" if table == "lc_vec" else "id"
    statements: list[Mapping[str, Any]] = []
    for _ in range(rng.randint(1, 30)):
        rowid = rng.randrange(1, 1 << 40)
        if rowid not in vectors:
            vectors[rowid] = _vector(rng)
            sql = f"INSERT INTO {table}({key}, embedding) VALUES(?, ?)"
            statements.append({"sql": sql, "params": [rowid, vectors[rowid]]})
    if not deletes:
        client.call("db.batch", {"statements": statements}, timeout=20.0)
        return
    changed, gone = rng.choice(sorted(vectors)), rng.choice(sorted(vectors))
    vectors[changed] = _vector(rng)
    update = f"UPDATE {table} SET embedding = ? WHERE {key} = ?"  # noqa: S608
    statements.append({"sql": update, "params": [vectors[changed], changed]})
    delete = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608
    statements.append({"sql": delete, "params": [gone]})
    vectors.pop(gone, None)
    client.call("db.batch", {"statements": statements}, timeout=20.0)
    if vectors:
        spared = rng.choice(sorted(vectors))
        failing = [{"sql": delete, "params": [spared]}, {"sql": "INSERT INTO lc_absent VALUES(1)"}]
        try:
            client.call("db.batch", {"statements": failing}, timeout=20.0)
        except Exception as error:
            del error


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    lengths = math.hypot(*a) * math.hypot(*b)
    return 1.0 - sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def _compare(
    tally: Tally, rng: random.Random, client: Client, *, table: str, vectors: Vectors, engine: str
) -> None:
    target = _vector(rng)
    answer = client.call("db.search", {"table": table, "k": K, "embedding": target}, timeout=30.0)
    hits = [(int(hit["id"]), float(hit["distance"])) for hit in answer["hits"]]
    true = sorted(_distance(target, vector) for vector in vectors.values())[:K]
    tally.attacks += 1
    strange = [rowid for rowid, _ in hits if rowid not in vectors]
    tally.expect(
        RULE, not strange, f"{engine} found rows that are not there", f"{table}: {strange}", engine=engine
    )
    near = len(hits) == len(true) and all(
        abs(found - wanted) < 1e-4
        and rowid in vectors
        and abs(_distance(target, vectors[rowid]) - found) < 1e-4
        for (rowid, found), wanted in zip(hits, true, strict=False)
    )
    tally.expect(
        RULE,
        near,
        f"{engine} did not find the nearest rows",
        f"{table}: {hits} instead of {true}",
        engine=engine,
    )


def _index_is_out_of_reach(tally: Tally, client: Client, engine: str) -> None:
    """The app's own files are its data; where an engine keeps its own, it cannot name."""
    from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework

    for path in ("../tmp/vectors/stamp.json", "../tmp/vectors", "tmp/vectors/stamp.json"):
        code = "ok"
        try:
            client.call("fs.read", {"root": "$APP_DATA", "path": path}, timeout=20.0)
        except LocaraError as error:
            code = error.code
        tally.expect(RULE, code != "ok", f"the app can read the index of {engine}", path, engine=engine)


def _nothing_deleted_is_left(tally: Tally, folder: Path, kept: Mapping[str, Vectors]) -> None:
    """The last thing that happened was a deletion: an index with deletions does not outlive its process."""
    left = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    total = sum(map(len, kept.values()))
    tally.expect(RULE, not left, "an index with deleted vectors was kept", f"{left[:4]}, {total} rows live")
