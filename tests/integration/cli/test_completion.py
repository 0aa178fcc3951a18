"""`locara completion` in a real bash, and `locara explain APP#SEQ` on a real record."""

from __future__ import annotations

import json
import struct
import subprocess

import pytest


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    return tmp_path_factory.mktemp("completion") / "locara.bash"


def complete(script, environment, *words: str, folder=None) -> list[str]:
    line = " ".join(f"'{word}'" for word in ("locara", *words))
    command = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _locara; "
    command += "printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(
        ["bash", "-uc", command], check=True, capture_output=True, text=True, env=environment, cwd=folder
    )
    return done.stdout.split()


def test_bash_completes_verbs_actions_options_values_and_files(locara, environment, script, tmp_path) -> None:
    script.write_text(locara("completion", "bash").stdout)
    assert complete(script, environment, "ver") == ["verify"]
    assert complete(script, environment, "db", "mi") == ["migrate"]
    assert complete(script, environment, "init", "ch") == ["chat"]
    assert "--headless" in complete(script, environment, "run", "--")
    assert complete(script, environment, "audit-log", "show", "--format", "j") == ["json"]
    (tmp_path / "my-app").mkdir()
    assert complete(script, environment, "run", "my", folder=tmp_path) == ["my-app"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_know_the_same_words(shell, locara) -> None:
    text = locara("completion", shell).stdout
    for words in ("verify", "init", "migrate", "docvault", "headless"):
        assert words in text
    assert text.count("'") % 2 == 0


def test_a_shell_that_is_not_known(locara) -> None:
    assert locara("completion", "tcsh").returncode == 2


def test_a_denial_is_explained_with_the_line_that_would_allow_it(locara, app, tmp_path) -> None:
    calls = [{"id": 1, "cmd": "fs.stat", "args": {"root": "$MUSIC", "path": ""}}]
    sent = b"".join(
        struct.pack(">I", len(one)) + one for one in (json.dumps(call).encode() for call in calls)
    )
    data = tmp_path / "data"
    locara("run", "--headless", "--accept-consent", app, "--data", data, input=sent, text=False)
    listed = locara("audit-log", "show", app, "--data", data, "--denied", "--format", "json").stdout
    number = json.loads(listed)["seq"]
    done = locara("explain", f"{app}#{number}", "--data", data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("denied: fs.stat of acme/probe at ")
    assert 'to allow    "fs.user-paths": {"music": "read"}' in done.stdout
    missing = locara("explain", f"{app}#9999", "--data", data)
    assert (missing.returncode, "no entry 9999" in missing.stderr) == (2, True)
    assert locara("explain", f"{app}#1", "--data", tmp_path / "none").returncode == 4
    assert locara("explain", "nothing#x").returncode == 2
