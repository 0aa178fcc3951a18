"""The audit log: any change breaks the chain, an unfinished line is recorded, writing comes before the
effect."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import AuditError
from locara.runtime.audit import GENESIS, AuditLog, Sizes, read_entries, verify_chain
from locara.runtime.audit_chain import older_files


def fill(path: Path, count: int, sizes: Sizes | None = None) -> None:
    log = AuditLog.open(path, app="acme/notes", clock=lambda: 1_700_000_000.25, sizes=sizes)
    for number in range(count):
        log.append(
            "fs.read", "fs.app-data", {"path": f"{number}.txt"}, allowed=number % 2 == 0, because="declared"
        )
    log.close()


def test_entries_say_what_was_decided_and_are_chained(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 3)
    entries = read_entries(path)
    assert [entry["seq"] for entry in entries] == [1, 2, 3]
    assert entries[0]["prev"] == GENESIS
    assert entries[1]["prev"] == entries[0]["hash"]
    assert entries[1]["allowed"] is False
    assert entries[0]["time"] == "2023-11-14T22:13:20.250000Z"
    assert entries[0]["request"] == {"path": "0.txt"}
    state = verify_chain(path)
    assert (state.sound, state.entries, state.head) == (True, 3, entries[2]["hash"])


def test_the_log_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 2)
    fill(path, 2)
    assert verify_chain(path).entries == 4
    assert verify_chain(path).sound


def test_an_entry_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = AuditLog.open(path, app="acme/notes")
    log.append("fs.read", "fs.app-data", {}, allowed=True, because="declared")
    assert len(read_entries(path)) == 1
    log.close()


def swap_lines(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda lines: lines[1:], 1, "does not follow"),
        (lambda lines: [lines[0], *lines[2:]], 2, "does not follow"),
        (swap_lines, 2, "does not follow"),
        (lambda lines: [*lines, lines[-1]], 6, "does not follow"),
        (
            lambda lines: [lines[0].replace(b'"allowed":true', b'"allowed":fals'), *lines[1:]],
            1,
            "was changed",
        ),
        (lambda lines: [*lines[:2], b"{}\n", *lines[2:]], 3, "not an audit entry"),
        (lambda lines: [*lines[:2], b"\n", *lines[2:]], 3, "not an audit entry"),
    ],
)
def test_a_changed_log_is_found_at_its_line(tmp_path: Path, change, line: int, words: str) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 5)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    state = verify_chain(path)
    assert not state.sound
    assert state.line == line
    assert words in (state.problem or "")
    with pytest.raises(AuditError, match="damaged") as caught:
        AuditLog.open(path, app="acme/notes")
    assert caught.value.code == "broken_chain"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_flipped_bit_goes_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("flip") / "log.jsonl"
    fill(path, 3)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert not verify_chain(path).sound


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300))
def test_a_torn_last_line_is_cut_and_recorded(tmp_path_factory: pytest.TempPathFactory, keep: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "log.jsonl"
    fill(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    torn = lines[2][: min(keep, len(lines[2]) - 1)]
    path.write_bytes(lines[0] + lines[1] + torn)
    assert verify_chain(path).torn == torn
    AuditLog.open(path, app="acme/notes").close()
    entries = read_entries(path)
    assert verify_chain(path).sound
    assert [entry["cmd"] for entry in entries] == ["fs.read", "fs.read", "audit.repair"]
    assert entries[2]["request"]["bytes"] == len(torn)


def test_text_from_outside_cannot_leave_its_field(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = AuditLog.open(path, app="acme/notes")
    nasty = '","allowed":true}\n{"v":1 \u2028\x00\ud800'
    log.append(
        nasty, "fs.app-data", {"path": nasty, "port": 10**400, "no": None}, allowed=False, because=nasty
    )
    log.append("x" * 10_000, "net", {"host": "h" * 10_000}, allowed=False, because="no")
    log.close()
    first, second = read_entries(path)
    assert first["request"]["path"] == nasty
    assert first["allowed"] is False
    assert len(second["request"]["host"]) < 600
    assert verify_chain(path).sound


def test_a_second_process_cannot_write_the_same_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = AuditLog.open(path, app="acme/notes")
    with pytest.raises(AuditError, match="already running") as caught:
        AuditLog.open(path, app="acme/notes")
    assert caught.value.code == "in_use"
    log.close()
    AuditLog.open(path, app="acme/notes").close()


def test_a_link_in_place_of_the_log_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("")
    (tmp_path / "log.jsonl").symlink_to(other)
    with pytest.raises(AuditError) as caught:
        AuditLog.open(tmp_path / "log.jsonl", app="acme/notes")
    assert caught.value.code == "unreadable"
    assert other.read_text() == ""


def test_a_full_disk_refuses_the_entry_and_keeps_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 2)
    size = path.stat().st_size
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            log = AuditLog.open(path, app="acme/notes")
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, size + 40))
            try:
                log.append("fs.read", "fs.app-data", {}, allowed=True, because="declared")
            except AuditError as error:
                code = 0 if error.code == "write_failed" else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert verify_chain(path).sound
    assert verify_chain(path).entries == 2


def test_a_full_file_is_closed_at_the_next_open_and_the_chain_runs_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for _ in range(4):
        fill(path, 5, Sizes(full=1_000))
    assert [file.name for file in older_files(path)] == [
        "log.000001.jsonl",
        "log.000002.jsonl",
        "log.000003.jsonl",
    ]
    assert verify_chain(path).sound
    assert verify_chain(path).entries == 20
    assert [entry["seq"] for entry in read_entries(path, limit=12)] == list(range(9, 21))
    older = tmp_path / "log.000002.jsonl"
    content = older.read_bytes()
    older.write_bytes(content.replace(b"1.txt", b"9.txt"))
    state = verify_chain(path)
    assert (state.file, state.line, state.entries) == (older, 2, 6)
    older.unlink()
    assert verify_chain(path).file == tmp_path / "log.000003.jsonl"


def test_a_log_that_cannot_grow_refuses_the_entry(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "log.jsonl", app="acme/notes", sizes=Sizes(most=1_000))
    with pytest.raises(AuditError, match="cannot grow") as caught:
        for _ in range(10):
            log.append("fs.read", "fs.app-data", {}, allowed=True, because="declared")
    assert caught.value.code == "write_failed"
    log.close()
    assert verify_chain(tmp_path / "log.jsonl").sound


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "log.jsonl", app="acme/notes")
    log.close()
    with pytest.raises(AuditError):
        log.append("fs.read", "fs.app-data", {}, allowed=True, because="declared")


def test_lines_that_are_no_entries_are_left_out_when_reading(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 2)
    with path.open("ab") as file:
        file.write(b"[]\nnull\n{}\n" + b"[" * 5_000 + b"\nrubbish")
    assert [entry["seq"] for entry in read_entries(path)] == [1, 2]


def test_the_last_entries_are_given_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    fill(path, 5)
    assert [entry["seq"] for entry in read_entries(path, limit=2)] == [4, 5]
    assert json.loads(path.read_bytes().splitlines()[-1])["seq"] == 5
