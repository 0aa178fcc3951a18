from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET

import pytest

from locara_verify import cli
from locara_verify.report import files
from locara_verify.report.text import one_line, visible

DIGEST = "sha256:" + "ab" * 32


def test_the_last_human_line_names_the_verdict_and_the_digest(report) -> None:
    last = files.FORMATS["human"](report(strict=True)).splitlines()[-1]
    assert last == f"FAILED  {DIGEST}  (strict; profile quick)"
    assert files.FORMATS["human"](report(only_good=True)).splitlines()[-1] == f"PASSED  {DIGEST}  (quick)"


def test_a_human_reader_sees_finding_place_help_and_replay(report) -> None:
    text = files.FORMATS["human"](report())
    assert "error[LC201] a file outside \\u202e was read" in text
    assert "--> locara.json:14" in text
    assert "= because   the canary came back" in text
    assert "= replay    locara replay .locara/failures/LC201-7f3a.json" in text
    assert "inconclusive[LC901] speed: the worker was killed by signal 9" in text
    assert "1 passed · 1 warned · 1 failed · 0 skipped · 1 inconclusive" in text
    assert "1,000 decisions · 200 attacks · 7 probes · seed 0x51e7 · 1.5 s" in text
    assert re.search(r"^latency +p50_us 1.25, bound 1.5$", text, re.MULTILINE)


def test_a_person_is_shown_the_first_notes_of_each_check_and_json_has_all(report) -> None:
    made = report(only_good=True)
    notes = (
        *(f"race: turn {number}" for number in range(5)),
        *(f"walk: step {number}" for number in range(3)),
        "alone",
    )
    made = dataclasses.replace(made, judgement=dataclasses.replace(made.judgement, notes=notes))
    shown = [line[6:] for line in files.FORMATS["human"](made).splitlines() if line.startswith("note  ")]
    assert shown == [*notes[:3], "race: 2 more notes, in the JSON and HTML reports", *notes[5:]]
    assert json.loads(files.FORMATS["json"](made))["notes"] == list(notes)


@pytest.mark.parametrize("name", [name for name in files.FORMATS if name != "human"])
def test_no_format_carries_control_characters_raw(report, name) -> None:
    text = files.FORMATS[name](report())
    assert not set(text) & {"\x1b", "\x00", "\r"}
    assert text.endswith("\n")


def test_the_json_report_has_the_frozen_shape(report) -> None:
    document = json.loads(files.FORMATS["json"](report()))
    assert document["schema"] == "locara-report/1"
    assert document["verdict"] == "failed"
    assert document["subject"] == {"path": "/apps/notes", "digest": DIGEST}
    assert document["seed"] == "0x51e7"
    assert document["totals"] == {
        "rules": 4,
        "passed": 1,
        "warned": 1,
        "failed": 1,
        "skipped": 0,
        "inconclusive": 1,
        "findings": 2,
        "decisions": 1_000,
        "attacks": 200,
        "probes": 7,
        "not_planned": 1,
    }
    assert [rule["id"] for rule in document["rules"]] == ["LC001", "LC007", "LC201", "LC901"]
    failed = document["rules"][2]
    assert set(failed) >= {"id", "slug", "area", "result", "attempts", "ms", "findings"}
    assert failed["findings"][0]["replay"] == ".locara/failures/LC201-7f3a.json"
    assert document["bench"] == {"latency": {"p50_us": 1.25, "bound": 1.5}}
    assert set(document["environment"]) >= {"locara", "locara_verify", "python", "platform"}


def test_the_json_report_has_sorted_keys(report) -> None:
    text = files.FORMATS["json"](report())
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["human", "json", "ndjson", "sarif", "junit", "github"])
def test_no_report_of_an_interrupted_run_says_passed(report, name) -> None:
    text = files.FORMATS[name](report(interrupted=True, only_good=True)).lower()
    assert "inconclusive" in text
    assert not re.search(r'"verdict": ?"passed"|passed {2}sha256|value="passed"', text)


def test_an_ndjson_report_ends_with_a_count(report) -> None:
    lines = [json.loads(line) for line in files.FORMATS["ndjson"](report()).splitlines()]
    assert [line["event"] for line in lines] == ["run", *["rule"] * 4, "end"]
    assert lines[-1] == {"event": "end", "verdict": "failed", "lines": len(lines) - 1}


def test_junit_counts_what_failed_and_what_decided_nothing(report) -> None:
    root = ET.fromstring(files.FORMATS["junit"](report()))
    suites = {suite.get("name"): suite for suite in root}
    assert (suites["files"].get("failures"), suites["files"].get("errors")) == ("1", "0")
    assert (suites["performance"].get("failures"), suites["performance"].get("errors")) == ("0", "1")
    assert suites["manifest"].get("failures") == "0"
    assert root.find(".//failure").get("message") == "a file outside \\u202e was read"
    facts = {p.get("name"): p.get("value") for p in suites["files"].iter("property")}
    assert facts == {"subject": DIGEST, "seed": "0x51e7", "verdict": "failed", "partial": "false"}


def test_github_annotations_are_escaped_and_limited(report) -> None:
    lines = files.FORMATS["github"](report()).splitlines()
    assert "::error file=locara.json,line=14,title=LC201 paths::a file outside \\u202e was read" in lines
    assert any(line.startswith("::warning") and "LC007" in line for line in lines)
    assert lines[-1] == f"::notice title=locara verify::FAILED {DIGEST}"


def test_sarif_has_what_the_standard_asks_for(report) -> None:
    document = json.loads(files.FORMATS["sarif"](report()))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["LC001", "LC007", "LC201", "LC901"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "locara.json"
        assert location["physicalLocation"]["region"]["startLine"] >= 1
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["associatedRule"] == {"id": "LC901", "index": 3}


def test_text_from_outside_is_shown_as_escapes() -> None:
    assert visible("a\x1b[31m\u202eb\u200b\ufdd0") == "a\\x1b[31m\\u202eb\\u200b\\ufdd0"
    assert visible("ä→漢") == "ä→漢"
    assert one_line("a\n b\tc") == "a b c"
    assert visible("x" * 10, limit=4) == "xxxx…"


def test_a_report_replaces_an_older_one_whole(tmp_path) -> None:
    path = tmp_path / "deep" / "report.json"
    files.write_atomic(path, "old\n")
    files.write_atomic(path, "new\n")
    assert path.read_text() == "new\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(OSError, match="exists"):
        files.write_atomic(blocked / "report.json", "text")
    with pytest.raises(OSError, match="space"):
        files.write_atomic(files.Path("/dev/full"), "text")


def test_a_report_that_does_not_read_back_is_none(tmp_path, monkeypatch) -> None:
    path, read = tmp_path / "report.json", files.Path.read_bytes
    monkeypatch.setattr(files.Path, "read_bytes", lambda place: read(place)[:-1])
    with pytest.raises(OSError, match="does not hold what was written"):
        files.write_atomic(path, "text")
    assert list(tmp_path.iterdir()) == []


def test_an_older_report_is_removed_and_a_device_is_not(tmp_path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"verdict": "passed"}')
    files.remove_stale(path)
    files.remove_stale(path)
    assert not path.exists()
    files.remove_stale(files.Path("/dev/null"))
    assert files.Path("/dev/null").exists()


def test_colour_adds_nothing_but_colour(report) -> None:
    text = files.FORMATS["human"](report())
    coloured = cli._coloured(text)
    assert "\x1b[1;31merror[LC201]\x1b[0m" in coloured
    assert "\x1b[1;31mFAILED\x1b[0m  sha256:" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == text


def test_long_texts_are_wrapped_for_a_terminal(report) -> None:
    made = report()
    rule = dataclasses.replace(made.judgement.outcomes[2].rule, fix="do it " * 60)
    outcomes = [
        dataclasses.replace(outcome, rule=rule) if outcome.rule.id == "LC201" else outcome
        for outcome in made.judgement.outcomes
    ]
    judgement = dataclasses.replace(made.judgement, outcomes=tuple(outcomes))
    text = files.FORMATS["human"](dataclasses.replace(made, judgement=judgement))
    assert max(len(line) for line in text.splitlines() if "do it" in line) <= 100
