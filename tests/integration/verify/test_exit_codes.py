"""``locara verify`` as a person and a script meet it: exit codes, reports, replay, interrupts, full disks."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

STATIC = "LC001,LC002,LC004,LC005,LC006,LC007"
LONG = ("--only", "LC010", "--profile", "soak", "--progress", "log")


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_worker(process: subprocess.Popen[str], *, nursery_itself: bool = False) -> int:
    """The worker's pid, once the log says that the check runs."""
    for line in process.stderr:
        if "start" in line:
            (nursery,) = children(process.pid)
            (worker,) = children(nursery)
            return worker if not nursery_itself else nursery
    raise AssertionError("the check never started")


def test_an_app_that_keeps_to_its_manifest_passes_with_every_report(verify, make_app, tmp_path) -> None:
    app, out = make_app(), tmp_path / "out"
    names = ("json", "ndjson", "sarif", "junit", "github", "human")
    wanted = [part for name in names for part in ("--report", f"{name}={out / name}")]
    run = verify("verify", app, "--only", STATIC, "--format", "json", "--seed", "0x51e7", *wanted)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["verdict"], report["seed"], report["partial"]) == ("passed", "0x51e7", False)
    assert report["totals"]["passed"] == report["totals"]["rules"] == 6
    assert run.stderr.splitlines()[-1].startswith(f"PASSED  {report['subject']['digest']}  (quick")
    assert json.loads((out / "json").read_text()) == report
    assert json.loads((out / "ndjson").read_text().splitlines()[-1])["event"] == "end"
    assert json.loads((out / "sarif").read_text())["version"] == "2.1.0"
    assert ET.parse(out / "junit").getroot().tag == "testsuites"
    assert report["subject"]["digest"] in (out / "github").read_text()
    assert (out / "human").read_text().splitlines()[-1] == run.stderr.splitlines()[-1]


def test_a_fault_of_the_app_is_a_finding_that_can_be_replayed(verify, make_app, tmp_path) -> None:
    app = make_app()
    good = (app / "public" / "icon.png").read_bytes()
    (app / "public" / "icon.png").write_bytes(good[:-10])
    run = verify("verify", app, "--only", "LC004")
    assert run.returncode == 1
    assert "error[LC004] public/icon.png: the PNG file is cut off" in run.stdout
    assert "--> locara.json:13" in run.stdout
    assert run.stdout.splitlines()[-1].startswith("FAILED  sha256:")
    (file,) = (tmp_path / "here" / ".locara" / "failures").iterdir()
    assert f"locara replay .locara/failures/{file.name}" in run.stdout
    assert not (app / ".locara").exists()
    assert verify("replay", file).returncode == 1
    (app / "public" / "icon.png").write_bytes(good)
    again = verify("replay", file)
    assert again.returncode == 0
    assert "the failure was recorded for sha256:" in " ".join(again.stdout.split())


def test_a_manifest_that_is_no_json_is_a_finding_and_the_rest_has_no_result(verify, make_app) -> None:
    app = make_app()
    (app / "locara.json").write_text('{"net": false, "net": true}\n')
    run = verify("verify", app, "--only", STATIC, "--format", "json")
    assert run.returncode == 1
    results = {rule["id"]: rule["result"] for rule in json.loads(run.stdout)["rules"]}
    assert results == {
        "LC001": "failed",
        "LC002": "inconclusive",
        "LC004": "skipped",
        "LC005": "skipped",
        "LC006": "skipped",
        "LC007": "skipped",
    }


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--only", "LC777"], "no rule is called 'LC777'"),
        (["--only", "path-traversel"], "did you mean path-traversal?"),
        (["--seed", "soon"], "seed"),
        (["--jobs", "0"], "between 1 and 256"),
        (["-k", "a and"], "a word is missing"),
        (["--only", "LC001", "--skip", "LC001"], "leaves nothing to run"),
        (["--strict", "--profile", "quick"], "fixed budget"),
        (["--report", "xml=out"], "FORMAT=FILE"),
        (["--explain", "LC777"], "no rule is called"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_a_mistake_of_usage_says_what_is_wrong(verify, make_app, args, words) -> None:
    run = verify("verify", make_app(), *args)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_the_app_is_not_written_to(verify, make_app) -> None:
    app = make_app()
    report, folder = f"json={app / 'report.json'}", app / "work"
    assert verify("verify", app, "--only", "LC001", "--report", report).returncode == 2
    assert verify("verify", app, "--only", "LC001", "--workdir", folder).returncode == 2
    (app / "public" / "icon.png").unlink()
    inside = verify("verify", ".", "--only", "LC004", cwd=app)
    assert inside.returncode == 1
    assert sorted(path.name for path in app.iterdir()) == [
        "db",
        "dist",
        "locara.json",
        "public",
        "screenshots",
    ]


@pytest.mark.parametrize("kind", ["nothing", "empty", "file"])
def test_what_is_no_app_is_told_apart_from_a_bad_app(verify, tmp_path, kind) -> None:
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("{}")
    run = verify("verify", path)
    assert run.returncode == 4
    assert str(path) in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("nursery", [False, True])
def test_a_killed_worker_gives_no_pass(locara, make_app, tmp_path, nursery) -> None:
    report = tmp_path / "report.json"
    process = locara("verify", make_app(), *LONG, "--report", f"json={report}")
    os.kill(wait_for_worker(process, nursery_itself=nursery), signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "inconclusive[LC010]" in out
    assert ("the process that starts workers ended" if nursery else "killed by signal 9") in out
    document = json.loads(report.read_text())
    assert (document["verdict"], document["rules"][0]["result"]) == ("inconclusive", "inconclusive")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_nothing_running(locara, make_app, tmp_path, number) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"verdict": "passed"}')
    process = locara("verify", make_app(), *LONG, "--report", f"json={report}")
    worker = wait_for_worker(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1].startswith("INCONCLUSIVE  sha256:")
    assert "INTERRUPTED, partial" in out.splitlines()[-1]
    document = json.loads(report.read_text())
    assert (document["verdict"], document["partial"]) == ("inconclusive", True)
    assert not alive(worker)


def test_a_report_that_cannot_be_written_is_an_error_and_no_verdict_stays(verify, make_app, tmp_path) -> None:
    app, report = make_app(), tmp_path / "report.json"
    report.write_text('{"verdict": "passed"}')

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    run = verify("verify", app, "--only", "LC001", "--report", f"json={report}", preexec_fn=limit)
    assert run.returncode == 70
    assert "the json report was not written" in run.stderr
    assert "PASSED" not in run.stdout
    assert not report.exists()
    assert not list(tmp_path.glob(".report.json*"))
    full = verify("verify", app, "--only", "LC001", "--report", "json=/dev/full")
    assert (full.returncode, "PASSED" in full.stdout) == (70, False)


def test_a_full_standard_output_is_an_error(verify, make_app) -> None:
    with Path("/dev/full").open("w") as full:
        run = verify("verify", make_app(), "--only", "LC001", stdout=full)
    assert run.returncode == 70
    assert "standard output cannot be written" in run.stderr


def test_the_same_seed_gives_the_same_results(verify, make_app) -> None:
    app = make_app()
    args = ("verify", app, "--only", "LC010,LC006", "--format", "json")
    first = json.loads(verify(*args).stdout)
    second = json.loads(verify(*args, "--seed", first["seed"], "--jobs", "1").stdout)
    for report in (first, second):
        for rule in report["rules"]:
            del rule["ms"]
    assert first["rules"] == second["rules"]
    assert first["subject"] == second["subject"]


def test_a_wider_manifest_is_wider_in_every_part_of_the_report(verify, make_app) -> None:
    capabilities = {"net": True, "fs.user-selected": "read"}
    narrow = verify("verify", make_app("narrow"), "--only", STATIC, "--format", "json")
    wide = verify("verify", make_app("wide", capabilities=capabilities), "--only", STATIC, "--format", "json")
    assert (narrow.returncode, wide.returncode) == (0, 0)
    before, after = json.loads(narrow.stdout)["app"], json.loads(wide.stdout)["app"]
    assert "net.fetch" in set(after["commands"]) - set(before["commands"])
    assert {grant["capability"] for grant in after["grants"]} - {
        g["capability"] for g in before["grants"]
    } == {"net"}
    assert "use the network" in before["consent"]["may_not"]
    assert any("every host" in line for line in after["consent"]["may"])
    assert ("fully local" in before["label"]["badges"], "fully local" in after["label"]["badges"]) == (
        True,
        False,
    )
    assert (before["label"]["risk"], after["label"]["risk"]) == ("low", "high")
    assert (before["kernel"]["network"], after["kernel"]["network"]) == ("none", "proxy")
    new = set(after["kernel"]["entitlements"]) - set(before["kernel"]["entitlements"])
    assert new == {"com.apple.security.network.client"}
    assert "network proxy" in wide.stderr


def test_warnings_fail_strict_runs_only(verify, make_app) -> None:
    app = make_app(capabilities={"net": True})
    loose, strict = (verify("verify", app, "--only", "LC007", *more) for more in ((), ("--strict",)))
    assert (loose.returncode, strict.returncode) == (0, 1)
    assert "warning[LC007] every host on the network is granted" in loose.stdout
    assert strict.stdout.splitlines()[-1].startswith("FAILED  sha256:")


def test_nothing_in_the_app_configures_its_judge(verify, make_app) -> None:
    app = make_app(capabilities={"net": True})
    settings = '[tool.locara.verify]\nskip = ["LC007"]\nexit-zero = true\n'
    for name in ("pyproject.toml", "locara-verify.toml", "tox.ini"):
        (app / name).write_text(settings)
    for name in ("conftest.py", "sitecustomize.py", "locara_verify_plugin.py"):
        (app / name).write_text("raise SystemExit(0)\n")
    run = verify("verify", ".", "--strict", "--only", "LC007", cwd=app)
    assert run.returncode == 1


def test_modules_from_inside_the_app_are_refused(verify, make_app) -> None:
    app = make_app()
    (app / "secrets.py").write_text("def randbits(n):\n    return 4\n")
    beside = verify("verify", ".", "--only", "LC001", cwd=app)
    assert beside.returncode == 0, "the folder one stands in is no place of modules"
    run = verify("verify", ".", "--only", "LC001", cwd=app, more={"PYTHONPATH": str(app)})
    assert run.returncode == 2
    assert "was loaded from inside the app" in run.stderr


def test_the_plan_the_list_and_the_texts_are_shown(verify, make_app) -> None:
    plan = verify("verify", make_app(), "--print-plan", "--skip", "LC2,LC3,LC4", "--seed", "1")
    assert plan.returncode == 0
    assert "run   manifest/text: LC001, LC002" in plan.stdout
    assert "not planned  LC201: left out by --skip" in plan.stdout
    rules = verify("verify", "--list")
    assert rules.returncode == 0
    assert rules.stdout.startswith("LC001  error    manifest      manifest-json")
    text = verify("verify", "--explain", "manifest-json")
    assert (text.returncode, text.stdout.splitlines()[0]) == (
        0,
        "LC001 manifest-json  (error, manifest, since 0.1)",
    )


def test_a_host_without_bubblewrap_gives_no_pass(make_app, tmp_path) -> None:
    program = shutil.which("bwrap")
    assert program is not None, "these tests need bubblewrap"
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    hide = f'mount --bind /dev/null {program} && exec "$@"'
    command = [sys.executable, "-m", "locara", "verify", str(make_app()), "--only", "LC001,LC101,LC201"]
    run = subprocess.run(
        [*unshare, "sh", "-c", hide, "sh", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    for rule in ("LC101", "LC201"):
        assert re.search(rf"inconclusive\[{rule}\].*bubblewrap is not installed.*help: install", run.stdout)
    assert run.stdout.splitlines()[-1].startswith("INCONCLUSIVE  sha256:")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"a":"' + b"x" * 10_000_000 + b'"}', "json_too_large"),
        (b"[" * 100_000, "json_too_deep"),
        (b"", "json_syntax"),
        (b"\xff\xfe\x00", "json_not_utf8"),
    ],
)
def test_a_hostile_manifest_is_a_finding_with_code_and_line(verify, make_app, text, code) -> None:
    app = make_app()
    (app / "locara.json").write_bytes(text)
    run = verify("verify", app, "--only", "LC001", "--format", "json")
    assert run.returncode == 1
    (finding,) = json.loads(run.stdout)["rules"][0]["findings"]
    assert (finding["evidence"]["code"], finding["line"]) == (code, 1)
    assert "Traceback" not in run.stderr
