"""The report as JUnit XML: one test case per planned rule, grouped into a suite per area."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from locara_verify.report.text import visible
from locara_verify.report.value import Report
from locara_verify.verdict import Result, RuleOutcome


def render(report: Report) -> str:
    """``report`` as JUnit XML. Inconclusive and skipped rules are errors: neither is a pass."""
    root = ET.Element("testsuites", name="locara verify", time=f"{report.seconds:.3f}")
    areas: dict[str, list[RuleOutcome]] = {}
    for outcome in report.judgement.outcomes:
        areas.setdefault(outcome.rule.area, []).append(outcome)
    for area, outcomes in areas.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=area,
            tests=str(len(outcomes)),
            failures=str(sum(outcome.result is Result.FAILED for outcome in outcomes)),
            errors=str(sum(outcome.result in (Result.INCONCLUSIVE, Result.SKIPPED) for outcome in outcomes)),
            skipped="0",
            time=f"{sum(outcome.ms for outcome in outcomes) / 1000:.3f}",
            timestamp=report.started,
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
    texts = [visible(f"{finding.message}\n{finding.because}".strip()) for finding in outcome.findings]
    match outcome.result:
        case Result.FAILED:
            first = visible(outcome.findings[0].message)
            ET.SubElement(case, "failure", message=first, type=outcome.rule.id).text = "\n\n".join(texts)
        case Result.INCONCLUSIVE | Result.SKIPPED:
            ET.SubElement(case, "error", message=visible(outcome.reason), type=outcome.result.value)
        case Result.WARNED:
            ET.SubElement(case, "system-out").text = "\n\n".join(texts)
        case Result.PASSED:
            pass
