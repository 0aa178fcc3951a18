"""What an app may fill, overwrite and leave no trace of: its quotas, its settings, its own files, its record.

A variant of the app with the smallest quota runs in the real sandbox. Sizes are taken from its data folder, and
what was refused is looked up in the log that it leaves behind.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied
from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_count
from locara_verify.checks.escape.arena import hand_over
from locara_verify.checks.escape.processes import runtime_of
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

WIDENING: Final = "LC207"
EXHAUSTION: Final = "LC224"
INTERNAL: Final = "LC226"
READS: Final = "LC225"
RECORD: Final = "LC408"
HOSTS: Final = "LC302"
FLOODS: Final = "LC403"
RULES: Final = (WIDENING, EXHAUSTION, INTERNAL, READS, RECORD, HOSTS, FLOODS)
MIB: Final = 1_048_576
GRANTED: Final = "api.granted.example"
PRIVATE: Final = "inside.granted.example"
_SQL_REFUSED: Final = "not allowed:"
_TURNS: Final = 3
_ROOM: Final = 1.25  # the database may hold its log beside it for a moment, files their next version
_SECONDS: Final = 30.0
_FIELDS: Final = (
    *("Host", "host", "Connection", "Content-Length", "Transfer-Encoding", "TE", "Upgrade", "Expect"),
    *(
        "Proxy-Authorization",
        "proxy-connection",
        "X-A\r\nHost",
        "X A",
        "",
        "X-\u00e9",
        "Keep-Alive",
        "Trailer",
    ),
)
_VALUES: Final = ("a\r\nHost: evil.test", "a\nb", "a\0b", "\u00e9", "a" * 9_000)
_URLS: Final = (
    "https://user@{}/",
    "https://user:secret@{}/",
    "http://{}/",
    "https://evil.test@{}/",
    "ftp://{}/",
)


class Attempts:
    """What was tried and found in one run of the variant."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.findings: list[Finding] = []
        self.tried = dict.fromkeys(RULES, 0)
        self.broken: dict[str, str] = {}
        self.refused: Counter[str] = Counter()

    def call(self, command: str, **args: Any) -> tuple[str, Any]:  # noqa: ANN401 - arguments and results are JSON
        """("ok", result) or (code, None) of one call."""
        try:
            return "ok", self.app.client.call(command, args, timeout=_SECONDS)
        except (CallError, CapabilityDenied) as error:
            self.refused[command] += error.code == "capability_denied" or _SQL_REFUSED in error.message
            return error.code, None

    def judge(self, rule: str, fault: bool, message: str, because: str) -> None:
        """Count an attempt, and record what it showed."""
        self.tried[rule] += 1
        if fault and has_room(self.findings, rule):
            self.findings.append(Finding(rule, message, because=because))

    def twin(self, rule: str, works: bool, what: str) -> None:
        """An ordinary use that must work, or denials of the rule prove nothing."""
        if not works:
            self.broken.setdefault(rule, f"the allow twin failed: {what}")


def smallest(document: dict[str, Any]) -> None:
    """One MiB of room, files to write, picks to read, one host that no name server knows and a private one."""
    document["storage"] = {**document.get("storage", {}), "quota_mb": 1}
    document["capabilities"] |= {
        "net": {"allowed_hosts": [GRANTED, PRIVATE]},
        "fs.app-data": "read-write",
        "fs.user-selected": "read",
    }


def nobody(host: str, _port: int) -> list[str]:
    """A name server that knows one private address."""
    if host == PRIVATE:
        return ["10.20.30.40"]
    raise OSError(f"no such name: {host}")


@check("escape-bounds", rules=RULES, needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Fill files and database, write settings of the runtime, overwrite, and read the log afterwards."""
    home = ctx.fresh_dir("home")
    with ctx.open_app(ctx.variant("bounds", smallest, page=False), home=home, resolver=nobody) as app:
        tries = Attempts(app)
        data = app.home.path
        fill_files(tries, data / "files")
        overwrite(tries)
        settings(tries)
        reading(tries)
        network(tries)
        refusals(tries, data / "files")
        descriptors(tries)
        before = app.home.audit_log.read_bytes().count(b"\n")
        called = call_everything(tries)
        fill_database(tries, data / "db")
    recorded(tries, app.home.audit_log, called, before)
    return CheckResult(
        findings=tuple(tries.findings),
        attempts=tries.tried,
        attacks=sum(tries.tried.values()),
        inconclusive=tries.broken,
    )


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fill_files(tries: Attempts, folder: Path) -> None:
    """New files, growing files and replaced files, until long after the quota."""
    code, _ = tries.call("fs.write", root="$APP_DATA", path="one", data="a", encoding="utf8", mode="create")
    tries.twin(WIDENING, code == "ok", f"a small file could not be written ({code})")
    piece = "a" * (MIB // 4)
    for number in range(8):
        for mode, path in (("create", f"new-{number}"), ("append", "grown"), ("replace", f"put-{number}")):
            tries.call("fs.write", root="$APP_DATA", path=path, data=piece, encoding="utf8", mode=mode)
            held = _bytes_in(folder)
            over = held > MIB * _ROOM
            tries.judge(WIDENING, over, "the files of an app outgrew its quota", f"{held} bytes after {mode}")
    for path in (f"{kind}-{number}" for number in range(8) for kind in ("new", "put")):
        tries.call("fs.remove", root="$APP_DATA", path=path)
    tries.call("fs.remove", root="$APP_DATA", path="grown")


def overwrite(tries: Attempts) -> None:
    """create never takes the place of what is there."""
    write = {"root": "$APP_DATA", "path": "kept", "encoding": "utf8", "mode": "create"}
    first, _ = tries.call("fs.write", data="first", **write)
    second, _ = tries.call("fs.write", data="second", **write)
    _, read = tries.call("fs.read", root="$APP_DATA", path="kept", encoding="utf8")
    kept = read is not None and read["data"] == "first"
    tries.twin(WIDENING, first == "ok", f"a file could not be made ({first})")
    tries.judge(WIDENING, second == "ok" or not kept, "create replaced a file", f"it answered {second}")


def settings(tries: Attempts) -> None:
    """The runtime's own settings, scopes that are none, and values larger than a setting."""
    code, _ = tries.call("settings.set", key="a", value=1)
    tries.twin(INTERNAL, code == "ok", f"a setting could not be written ({code})")
    for scope in ("system", "System", "SYSTEM", "system ", "profile:", "profile:../x", "user\0", "*"):
        for command, more in (("settings.set", {"value": 1}), ("settings.delete", {})):
            code, _ = tries.call(command, key="a", scope=scope, **more)
            tries.judge(
                INTERNAL, code == "ok", "an app wrote settings that are not its own", f"{command} {scope!r}"
            )
    for size in (65_537, 200_000, 2_000_000):
        code, _ = tries.call("settings.set", key="large", value="a" * size)
        tries.judge(EXHAUSTION, code == "ok", "a setting of any size is kept", f"{size} characters")


def reading(tries: Attempts) -> None:
    """db.query changes nothing, whatever the statement is."""
    made, _ = tries.call("db.exec", sql="CREATE TABLE bounds(a)")
    tries.twin(READS, made == "ok", f"a table could not be made ({made})")
    for sql in (
        "INSERT INTO bounds VALUES(1)",
        "WITH x AS (SELECT 1) INSERT INTO bounds SELECT * FROM x",
        "INSERT INTO bounds VALUES(1) RETURNING a",
        "REPLACE INTO bounds VALUES(1)",
        "CREATE TABLE other(a)",
        "DELETE FROM bounds",
        "DROP TABLE bounds",
    ):
        tries.call("db.query", sql=sql)
        code, found = tries.call("db.query", sql="SELECT count(*) FROM bounds")
        changed = code != "ok" or found["rows"] != [[0]]
        tries.judge(READS, changed, "db.query changed the database", sql)


def fill_database(tries: Attempts, folder: Path) -> None:
    """Rows until long after the quota; what a result may hold at most."""
    code, _ = tries.call("db.exec", sql="INSERT INTO bounds VALUES(zeroblob(1000))")
    tries.twin(EXHAUSTION, code == "ok", f"a row could not be written ({code})")
    for _ in range(8):
        tries.call("db.exec", sql="INSERT INTO bounds VALUES(randomblob(500000))")
        held = sum(path.stat().st_size for path in folder.glob("*.sqlite3"))
        tries.judge(
            EXHAUSTION, held > MIB * _ROOM, "the database of an app outgrew its quota", f"{held} bytes"
        )
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT {} FROM n"
    for rows, column in ((60_000, "1"), (100_000, "NULL"), (20, "hex(zeroblob(400000))")):
        code, _ = tries.call("db.query", sql=many.format(rows, column))
        tries.judge(EXHAUSTION, code == "ok", "a result of any size is returned", f"{rows} rows of {column}")


def network(tries: Attempts) -> None:
    """Header fields that would steer the request, and URLs with more than a host."""
    code, _ = tries.call("net.fetch", url=f"https://{GRANTED}/", headers={"X-A": "b"})
    tries.twin(HOSTS, code == "not_found", f"a granted host does not reach the name server ({code})")
    fields = [{name: "b"} for name in _FIELDS] + [{"X-A": value} for value in _VALUES]
    for headers in fields:
        code, _ = tries.call("net.fetch", url=f"https://{GRANTED}/", headers=headers)
        tries.judge(
            HOSTS, code != "bad_request", "a header field that steers the request is sent", f"{headers!r:.80}"
        )
    for url in _URLS:
        code, _ = tries.call("net.fetch", url=url.format(GRANTED), headers={})
        tries.judge(HOSTS, code != "bad_request", "a URL with more than host, port and path is fetched", url)


def call_everything(tries: Attempts) -> list[str]:
    """Each command with a power behind it, once; and names that no version has. The names that were called."""
    _, told = tries.call("app.commands")
    there = set(told["commands"]) if told else set()
    names = [name for name, spec in COMMANDS.items() if spec.capability or name not in there]
    names += ["fs.chmod", "shell.run", "FS.READ", "net.connect"]
    models = [pin.partition("@")[0] for pin in tries.app.bundle.grants.models]
    model = models[0] if models else "none"
    arguments: dict[str, dict[str, Any]] = {
        "llm.chat": {"model": model, "messages": []},
        "embed.create": {"model": model, "texts": []},
        "fs.pick": {"kind": "file", "access": "read"},
        "fs.release": {"handle": "none"},
        "fs.dropped": {},
        "fs.remembered": {},
        "fs.reopen": {"grant": "none"},
        "fs.forget": {"grant": "none"},
        "fs.write": {"root": "$APP_DATA", "path": "x", "data": "", "encoding": "utf8", "mode": "replace"},
        "net.fetch": {"url": f"https://{GRANTED}/", "headers": {}},
        "fs.read": {"root": "$APP_DATA", "path": "kept", "encoding": "utf8"},
        "ocr.fromFile": {"root": "$APP_DATA", "path": "kept"},
        "ocr.fromBytes": {"data": "AAAA"},
        "pdf.text": {"root": "$APP_DATA", "path": "kept"},
        "pdf.render": {"root": "$APP_DATA", "path": "kept", "page": 1},
        "tts.speak": {"text": "a", "voice": "none"},
        "transcribe.fromFile": {"root": "$APP_DATA", "path": "kept", "model": model},
        "transcribe.open": {"model": model},
        "audio.open": {"source": "microphone"},
    }
    judged = [name for name in names if name not in there or name in arguments]
    for name in judged:
        tries.call(name, **arguments.get(name, {}))
    return judged


def refusals(tries: Attempts, folder: Path) -> None:
    """What is refused by the policy, by the effect, by the broker, by the proxy and by the store: each of them."""
    plant(folder)
    for command, args in _refused_calls():
        before = tries.refused[command]
        code, _ = tries.call(command, **args)
        refused = tries.refused[command] > before
        tries.judge(RECORD, not refused, "a call that must be refused was not", f"{command} {args}: {code}")


def plant(folder: Path) -> None:
    """A link, a second name, an empty file and a folder, as another program may leave them."""
    for name in ("link", "second", "other", "empty", "folder"):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
    (folder / "link").symlink_to("/etc")
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    (folder / "second").write_text("two names", encoding="utf-8")
    os.link(folder / "second", folder / "other")
    hand_over(folder)


def _on(root: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every command on a file, with one root and path."""
    where = {"root": root, "path": path}
    for command in ("fs.read", "fs.stat", "fs.list", "fs.remove", "fs.mkdir"):
        yield command, where
    for mode in ("create", "replace", "append"):
        yield "fs.write", {**where, "data": "x", "encoding": "utf8", "mode": mode}


def _refused_calls() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _on("$APP_DATA", "link/below")
    yield from _on("$APP_DATA", "../db")
    yield from _on("0123456789abcdef", "")
    yield (
        "fs.write",
        {"root": "$APP_DATA", "path": "second", "data": "x", "encoding": "utf8", "mode": "append"},
    )
    yield "fs.release", {"handle": "0123456789abcdef"}
    yield "fs.reopen", {"grant": "0123456789abcdef"}
    for kind in ("file", "directory"):
        for multiple in (False, True):
            yield "fs.pick", {"kind": kind, "access": "read-write", "multiple": multiple}
    for host in ("other.example", PRIVATE):
        yield "net.fetch", {"url": f"https://{host}/", "headers": {}}
    for sql in ("ATTACH 'x' AS y", "SELECT * FROM __locara_settings"):
        yield "db.exec", {"sql": sql}
        yield "db.query", {"sql": sql}
        yield "db.batch", {"statements": [{"sql": "SELECT 1"}, {"sql": sql}]}
    yield "db.search", {"table": "__locara_settings", "embedding": [1.0]}


def descriptors(tries: Attempts) -> None:
    """No call leaves anything open in the runtime, however it ends."""
    pid = runtime_of(tries.app.pid) or 0  # of no process at all nothing is told
    write = {"root": "$APP_DATA", "data": "x", "encoding": "utf8"}
    far = {"root": "$APP_DATA", "path": "kept", "offset": 1 << 40, "encoding": "utf8"}
    calls = [
        *(
            call
            for path in ("kept", "empty", "folder", "link", "absent", "")
            for call in _on("$APP_DATA", path)
        ),
        *_on("0123456789abcdef", ""),
        ("fs.read", far),
        *(("fs.write", {**write, "path": "other", "mode": mode}) for mode in ("create", "replace", "append")),
        ("db.query", {"sql": "SELECT 1"}),
        ("db.exec", {"sql": "SELECT nothing"}),
        ("net.fetch", {"url": f"https://{GRANTED}/", "headers": {}}),
        ("net.fetch", {"url": f"https://{PRIVATE}/", "headers": {}}),
    ]
    try:
        for command, args in calls:
            tries.call(command, **args)  # what is opened once, and kept for good reason
            before = open_count(pid)
            for _ in range(_TURNS):
                tries.call(command, **args)
            more = open_count(pid) - before
            tries.judge(
                FLOODS, more >= _TURNS, "a call leaves a file open for good", f"{command} {args}: {more} more"
            )
    except OSError as error:
        tries.twin(FLOODS, False, f"the open files of the runtime are not told ({error.strerror})")


def recorded(tries: Attempts, log: Path, called: list[str], before: int) -> None:
    """Every one of these calls was decided, so each is in the log after its first ``before`` lines, under its name;
    and in the whole log is each refusal, as one."""
    entries, refused = set(), Counter[str]()
    for number, line in enumerate(log.read_text("utf-8").splitlines()):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if number >= before:
                entries.add(entry["cmd"])
            refused[entry["cmd"]] += entry["allowed"] is False
    for name in called:
        tries.judge(
            RECORD,
            name not in entries,
            "a decision left no record",
            f"{name} was called and is not in the log",
        )
    for name, count in tries.refused.items():
        tries.judge(
            RECORD,
            refused[name] < count,
            "a refusal left no record",
            f"{name} was refused {count} times, the log tells of {refused[name]}",
        )
