"""Faults as a newcomer meets them: each is put right from the words of the message alone, and then the run passes.

What a "newcomer" does below may use nothing but the text that was printed; who changes a message sees here whether it
still says enough.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RULES = "LC001,LC002,LC004,LC005,LC006"


def place(said: str) -> tuple[str, int]:
    """File and line of the first finding."""
    match = re.search(r"^  --> ([\w./-]+):(\d+)", said, re.MULTILINE)
    assert match is not None, said
    return match[1], int(match[2])


def edit_line(app: Path, said: str, change: Callable[[str], str]) -> None:
    file, number = place(said)
    lines = (app / file).read_text().splitlines(keepends=True)
    after = change(lines[number - 1])
    assert after != lines[number - 1], "the message pointed to a line in which there was nothing to change"
    lines[number - 1] = after
    (app / file).write_text("".join(lines))


def correct_the_key(app: Path, said: str) -> None:
    wrong = re.search(r'the key "([^"]+)" is unknown', said)
    right = re.search(r'did you mean "([^"]+)"\?', said)
    assert wrong is not None
    assert right is not None
    edit_line(app, said, lambda line: line.replace(f'"{wrong[1]}"', f'"{right[1]}"'))


def write_a_name_and_nothing_else(app: Path, said: str) -> None:
    """The message says: a lower-case DNS name; no address, port or scheme."""
    text = " ".join(said.split())
    written = re.search(r'not a host this version can enforce exactly: "([^"]+)"', text)
    assert written is not None
    for words in ("a lower-case DNS name", "no address, port or scheme"):
        assert words in text
    name = re.sub(r"^[a-z]+://|[:/].*$", "", written[1].lower().removeprefix("https://"))
    edit_line(app, said, lambda line: line.replace(written[1], name))


def copy_the_file_in(app: Path, said: str) -> None:
    text = " ".join(said.split())
    link = re.search(r"error\[LC004\] ([\w./-]+) is a link", text)
    assert link is not None
    assert "Copy files into the app instead of linking to them" in text
    path = app / link[1]
    source = path.resolve()
    path.unlink()
    shutil.copyfile(source, path)


@pytest.mark.parametrize(
    ("fault", "newcomer"),
    [
        ("a mistyped key", correct_the_key),
        ("an address as host", write_a_name_and_nothing_else),
        ("a link", copy_the_file_in),
    ],
)
def test_a_fault_is_put_right_from_its_message_alone(verify, make_app, tmp_path, fault, newcomer) -> None:
    match fault:
        case "a mistyped key":
            app = make_app(capabilities={"fs.user-select": "read"})
        case "an address as host":
            app = make_app(capabilities={"net": {"allowed_hosts": ["https://Example.org:443/maps"]}})
        case _:
            app = make_app()
            (tmp_path / "style.css").write_text("body { margin: 0 }\n")
            (app / "dist" / "style.css").symlink_to(tmp_path / "style.css")
    first = verify("verify", app, "--only", RULES)
    assert first.returncode == 1
    assert first.stdout.count("\nerror[") + first.stdout.startswith("error[") == 1, "one fault, one message"
    newcomer(app, first.stdout)
    second = verify("verify", app, "--only", RULES)
    assert second.returncode == 0, second.stdout


def test_a_denied_call_says_the_line_that_would_allow_it(make_app, tmp_path) -> None:
    app = make_app(capabilities={"fs.user-selected": "read"})
    (app / "tests").mkdir()
    (app / "tests" / "test_it.py").write_text(
        "from locara_verify.testing import assert_allowed\n"
        "def test_it(locara_session):\n"
        "    app = locara_session()\n"
        "    assert_allowed(lambda: app.call('fs.pick', kind='file', access='read-write'))\n"
    )

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "locara", "test", str(app)]
        return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    first = run()
    assert first.returncode == 1
    told = re.search(r'to allow it: .*?("fs\.user-selected": "[\w-]+")', first.stdout)
    assert told is not None, first.stdout
    manifest = (app / "locara.json").read_text()
    (app / "locara.json").write_text(re.sub(r'"fs\.user-selected": "[\w-]+"', told[1], manifest))
    assert run().returncode == 0
