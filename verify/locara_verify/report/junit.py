"""The report as JUnit XML: one test case per planned rule, grouped into a suite per area.

There is no one JUnit schema. What is written is valid by the two that tools use: Ant's, which wants much and allows
little, and Jenkins'.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from locara_verify.report.text import visible
from locara_verify.report.value import Report
from locara_verify.verdict import Result, RuleOutcome


def render(report: Report) -> str:
    """``report`` as JUnit XML. Inconclusive and skipped rules are errors: neither is a pass."""
    root = ET.Element("testsuites")
    areas: dict[str, list[RuleOutcome]] = {}
    for outcome in report.judgement.outcomes:
        areas.setdefault(outcome.rule.area, []).append(outcome)
    started = report.started.partition("+")[0]
    for number, (area, outcomes) in enumerate(areas.items()):
        suite = ET.SubElement(
            root,
            "testsuite",
            name=area,
            tests=str(len(outcomes)),
            failures=str(sum(outcome.result is Result.FAILED for outcome in outcomes)),
            errors=str(sum(outcome.result in (Result.INCONCLUSIVE, Result.SKIPPED) for outcome in outcomes)),
            time=f"{sum(outcome.ms for outcome in outcomes) / 1000:.3f}",
            timestamp=started,
            id=str(number),
            package="locara",
            hostname="localhost",
        )
        properties = ET.SubElement(suite, "properties")
        facts = {
            "subject": report.digest,
            "seed": f"0x{report.seed:x}",
            "verdict": report.verdict.value,
            "partial": str(report.interrupted).lower(),
        }
        for name, value in facts.items():
            ET.SubElement(properties, "property", name=name, value=value)
        for outcome in outcomes:
            _case(suite, area, outcome)
        warned = [
            f"{o.rule.id}: {text}" for o in outcomes if o.result is not Result.FAILED for text in _texts(o)
        ]
        ET.SubElement(suite, "system-out").text = "\n".join(warned)
        ET.SubElement(suite, "system-err")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, area: str, outcome: RuleOutcome) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"locara.{area}",
        name=f"{outcome.rule.id} {outcome.rule.slug}",
        time=f"{outcome.ms / 1000:.3f}",
    )
    match outcome.result:
        case Result.FAILED:
            first = visible(outcome.findings[0].message)
            ET.SubElement(case, "failure", message=first, type=outcome.rule.id).text = "\n\n".join(
                _texts(outcome)
            )
        case Result.INCONCLUSIVE | Result.SKIPPED:
            ET.SubElement(case, "error", message=visible(outcome.reason), type=outcome.result.value)
        case Result.WARNED | Result.PASSED:
            pass


def _texts(outcome: RuleOutcome) -> list[str]:
    return [
        visible(
            f"{finding.message}\n{finding.because}\nhow to fix: {outcome.rule.fix}".replace(
                "\n\n", "\n"
            ).strip()
        )
        for finding in outcome.findings
    ]
