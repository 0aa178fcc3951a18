"""The options that people live with: again, known, waived, narrowed, watched, and evidence that others can check."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

FAST = "LC001,LC002,LC004,LC006,LC007,LC010"
BROAD = {"net": True, "fs.user-selected": "read"}


def test_known_results_are_used_again_and_said_to_be(verify, make_app, tmp_path) -> None:
    app = make_app()
    args = ("verify", app, "--only", FAST, "--format", "json", "--cache-dir", tmp_path / "cache")
    first, second = (json.loads(verify(*args).stdout) for _ in range(2))
    assert [check["cached"] for check in first["run"]["checks"]] == [False] * len(first["run"]["checks"])
    assert all(check["cached"] for check in second["run"]["checks"])
    assert second["totals"] == first["totals"]
    assert any("were taken from the cache" in note for note in second["notes"])
    for more in (("--no-cache",), ("--strict",)):
        fresh = json.loads(verify(*args, *more).stdout)
        assert not any(check["cached"] for check in fresh["run"]["checks"])
    for entry in (tmp_path / "cache").iterdir():
        entry.write_text(entry.read_text().replace('"attempts"', '"attempt"'))
    again = json.loads(verify(*args).stdout)
    assert not any(check["cached"] for check in again["run"]["checks"])
    assert again["verdict"] == "passed"


def test_the_last_failures_are_run_again_alone(verify, make_app) -> None:
    app = make_app()
    good = (app / "public" / "icon.png").read_bytes()
    (app / "public" / "icon.png").write_bytes(b"x")
    assert verify("verify", app, "--only", FAST).returncode == 1
    again = verify("verify", app, "--lf")
    assert again.returncode == 1
    assert "chosen rules: 1," in again.stdout.splitlines()[-1]
    (app / "public" / "icon.png").write_bytes(good)
    assert verify("verify", app, "--lf").returncode == 0
    none = verify("verify", app, "--lf", "--only", "LC001")
    assert none.returncode == 0
    assert "nothing failed the last time" in none.stderr


def test_baseline_and_waivers_hold_until_the_run_is_strict(verify, make_app, tmp_path) -> None:
    app = make_app()
    (app / "public" / "icon.png").write_bytes(b"x")
    args, baseline = ("verify", app, "--only", "LC004"), tmp_path / "baseline.json"
    assert verify(*args, "--write-baseline", baseline).returncode == 1
    known = verify(*args, "--baseline", baseline)
    assert known.returncode == 0
    assert "= accepted  known: it is in the baseline" in known.stdout
    assert "1 accepted by baseline or waiver" in known.stdout.splitlines()[-1]
    strict = verify(*args, "--baseline", baseline, "--strict")
    assert strict.returncode == 1
    assert "--baseline has no say in a strict run" in strict.stderr
    (app / "screenshots" / "one.png").write_bytes(b"y")
    assert verify(*args, "--baseline", baseline).returncode == 1, "another finding is not known"
    waivers = tmp_path / "waivers.toml"
    ends = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400 * 30))
    waivers.write_text(
        f'[[waiver]]\nrule = "LC004"\nreason = "art is late"\nowner = "anna"\nexpires = {ends}\n'
    )
    assert "waived by anna until" in verify(*args, "--waivers", waivers).stdout
    sarif = tmp_path / "out.sarif"
    assert verify(*args, "--waivers", waivers, "--report", f"sarif={sarif}").returncode == 0
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    assert [result["suppressions"][0]["kind"] for result in results] == ["external", "external"]
    waivers.write_text("[[waiver]]\n")
    assert verify(*args, "--waivers", waivers).returncode == 2


def test_a_fix_narrows_and_shows_it_first(verify, make_app) -> None:
    app = make_app(capabilities={"net": {"allowed_hosts": ["*.example.org", "api.example.org"]}})
    before = (app / "locara.json").read_text()
    shown = verify("verify", app, "--fix", "--diff")
    assert (shown.returncode, (app / "locara.json").read_text()) == (0, before)
    assert re.search(r'^-.*"api\.example\.org"', shown.stdout, re.MULTILINE)
    done = verify("verify", app, "--fix", "--only", "LC001,LC007")
    assert done.returncode == 0, done.stderr
    assert "1 edits made, each proved to give nothing new" in done.stderr
    hosts = json.loads((app / "locara.json").read_text())["capabilities"]["net"]["allowed_hosts"]
    assert hosts == ["*.example.org"]
    assert verify("verify", app, "--fix", "--diff").stdout == ""


def test_a_budget_that_ends_is_no_pass(verify, make_app) -> None:
    run = verify("verify", make_app(), "--only", "LC010", "--profile", "soak", "--budget", "1s")
    assert run.returncode == 3
    assert "the time of the run, 1 s, was over" in run.stdout
    few = verify("verify", make_app("few"), "--only", "LC010", "--budget", "examples=10", "--format", "json")
    assert json.loads(few.stdout)["totals"]["decisions"] == 500


def test_the_slowest_checks_are_named_before_the_verdict(verify, make_app) -> None:
    lines = verify("verify", make_app(), "--only", FAST, "--durations", "2").stdout.splitlines()
    [at] = [place for place, line in enumerate(lines) if re.fullmatch(r"slowest 2 checks, of \d+", line)]
    assert re.match(r" +\d+\.\d\d s  [\w/-]+ +began at \d+\.\d s; LC", lines[at + 1])
    assert lines[-1].startswith("PASSED  sha256:")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--budget", "soon"], "is no budget"),
        (["--strict", "--budget", "30s"], "fixed budget"),
        (["--strict", "--fix"], "a strict run changes nothing"),
        (["--diff"], "belong to --fix"),
        (["--watch", "--format", "json"], "--watch writes for people only"),
        (["--baseline", "nowhere.json"], "nowhere.json cannot be read"),
        (["--fix", "--unused-in", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--replay", "nowhere"], "cannot be read"),
    ],
)
def test_mistakes(verify, make_app, args, words) -> None:
    run = verify("verify", make_app(), *args)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_watching_runs_again_after_a_change_and_leaves_nothing(locara, make_app) -> None:
    app = make_app()
    process = locara("verify", app, "--only", "LC001,LC004", "--watch", "--no-cache", "--progress", "none")
    verdicts = []
    try:
        for line in process.stdout:
            if line.startswith(("PASSED", "FAILED")):
                verdicts.append(line.split()[0])
                if len(verdicts) == 1:
                    while "watching" not in process.stderr.readline():
                        pass
                    (app / "public" / "icon.png").write_bytes(b"x")
                else:
                    process.send_signal(signal.SIGINT)
                    break
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert verdicts == ["PASSED", "FAILED"]
    assert process.returncode == 130


def test_evidence_is_repeated_bit_for_bit_and_differences_are_listed(verify, make_app, tmp_path) -> None:
    app = make_app(capabilities=BROAD)
    folder, other = tmp_path / "evidence", tmp_path / "other"
    args = ("verify", app, "--only", FAST, "--seed", "7")
    assert verify(*args, "--evidence", folder).returncode == 0
    assert verify(*args, "--evidence", other).returncode == 0
    assert (folder / "facts.json").read_bytes() == (other / "facts.json").read_bytes()
    same = verify("replay", folder)
    assert same.returncode == 0, same.stdout + same.stderr
    assert same.stdout.splitlines()[-1] == f"0 differences from the evidence, bit for bit: {folder}"
    copy = tmp_path / "a copy elsewhere"
    shutil.copytree(app, copy)
    assert verify("verify", copy, "--replay", folder).returncode == 0
    (copy / "public" / "icon.png").write_bytes(b"x")
    worse = verify("verify", copy, "--replay", folder)
    assert worse.returncode == 1
    assert 'difference  rules.LC004.result: was "passed", is "failed"' in worse.stdout
    assert "difference  subject: was" in worse.stdout
    assert verify(*args, "--evidence", folder).returncode == 2, "evidence is never overwritten"
    (folder / "facts.json").write_text((folder / "facts.json").read_text().replace("passed", "failed", 1))
    tampered = verify("replay", folder)
    assert tampered.returncode == 5
    assert "facts.json" in tampered.stderr
    assert "is not what was written" in tampered.stderr


def test_failures_in_evidence_can_be_replayed_one_by_one(verify, make_app, tmp_path) -> None:
    app, folder = make_app(), tmp_path / "evidence"
    (app / "public" / "icon.png").write_bytes(b"x")
    assert verify("verify", app, "--only", "LC004", "--evidence", folder).returncode == 1
    (one,) = (folder / "replays").iterdir()
    assert verify("replay", one).returncode == 1
    assert verify("replay", folder).returncode == 0


def test_an_interrupted_run_leaves_no_evidence(locara, make_app, tmp_path) -> None:
    folder = tmp_path / "evidence"
    args = ("--only", "LC010", "--profile", "soak", "--evidence", folder, "--progress", "log")
    process = locara("verify", make_app(), *args)
    for line in process.stderr:
        if "start" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".evidence")] == []
    assert not list(Path(tmp_path / "here").rglob("last/*.json"))
