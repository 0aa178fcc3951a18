"""The sections of the HTML report, in the order in which a person asks: verdict, powers, attempts, findings, speed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from locara_verify.finding import JSON, Finding, Severity
from locara_verify.report.html import plots
from locara_verify.report.html.markup import Markup, element, items, joined, table
from locara_verify.report.measurements import measurement_rows
from locara_verify.report.value import Report, environment
from locara_verify.verdict import Result, RuleOutcome, Verdict

_SIGNS: Final = {
    Verdict.PASSED: "M15 27 L23 35 L38 18",
    Verdict.FAILED: "M17 17 L35 35 M35 17 L17 35",
    Verdict.INCONCLUSIVE: "M26 14 L26 29 M26 37 L26 37.5",
}
_WORDS: Final = {
    Verdict.PASSED: "Passed: the app keeps to what it declares",
    Verdict.FAILED: "Failed: the app or its runtime does not keep to what it declares",
    Verdict.INCONCLUSIVE: "No verdict: something could not be tested",
}
_AREAS: Final = {
    "manifest": "the manifest, and what it means",
    "kernel": "the kernel sandbox",
    "files": "files outside the grants",
    "network": "hosts outside the grants",
    "ipc": "the commands a page can call",
    "models": "model files and what models say",
    "tools": "WebAssembly tools",
    "supply-chain": "where the app came from",
    "offline": "traffic and secrets",
    "performance": "cost beside the raw engine",
}
_ORDER: Final = ("manifest", "core", "launcher", "sandbox", "kernel", "entitlements", "broker", "runtime")
"""Layers from the declaration inwards; the others follow by name."""
_HELD: Final = (Result.PASSED, Result.WARNED)


def verdict(report: Report) -> Markup:
    """The verdict in one glance, with the reason in a sentence."""
    totals = report.judgement.totals
    work = f"{totals.decisions:,} decisions, {totals.attacks:,} attacks and {totals.probes:,} kernel probes"
    match report.verdict:
        case Verdict.PASSED:
            told = f"{_rules(totals.passed + totals.warned)} put to the test with {work}. Each of them held."
        case Verdict.FAILED:
            told = f"{_things(totals.findings)} below. {_rules(totals.rules)} put to the test with {work}."
        case Verdict.INCONCLUSIVE:
            count = totals.skipped + totals.inconclusive
            told = f"{_rules(count)} not decided, for the reasons below. What ran held: {work}."
    style = report.verdict.value
    sign = element(
        "svg",
        element("circle", cx=26, cy=26, r=25, class_="sign"),
        element("path", d=_SIGNS[report.verdict], class_="sign-mark"),
        viewBox="0 0 52 52",
        aria_hidden="true",
        class_=style,
    )
    lines = [element("p", told), *(element("p", text, class_="soft") for text in _limits(report))]
    words = element("div", element("p", _WORDS[report.verdict], class_="word"), *lines)
    return element("div", sign, words, class_=f"verdict {style}", role="status")


def _rules(count: int) -> str:
    return f"{count} rule was" if count == 1 else f"{count} rules were"


def _things(count: int) -> str:
    return "One finding is" if count == 1 else f"{count} findings are"


def _limits(report: Report) -> Iterator[str]:
    if report.interrupted:
        yield "The run was interrupted: this is a part of a report."
    if report.plan.partial:
        left = len(report.plan.not_planned)
        yield f"Only chosen rules were run: {len(report.plan.rules)} of {len(report.plan.rules) + left}."
    if not report.strict:
        yield f"A {report.budget.profile} run tries less than a strict one, and warnings do not fail it."


def powers(report: Report) -> Markup | None:
    """What the app may do and may not, in the words of the consent screen."""
    app: Any = report.app
    if app is None:
        text = "The manifest cannot be read, so the app has no powers and nothing else was tested."
        return _section("powers", "What the app may do", element("p", text))
    consent, label = app["consent"], app["label"]
    badges = items("ul", [*label["badges"], f"risk: {label['risk']}"], class_="badges")
    may = element(
        "div", element("h3", "It may"), items("ul", consent["may"] or ["nothing"], class_="plain may")
    )
    may_not = element("div", element("h3", "It may not"), items("ul", consent["may_not"], class_="plain not"))
    reasons = [element("p", reason, class_="soft") for reason in label["reasons"]]
    return _section(
        "powers",
        "What the app may do",
        badges,
        *reasons,
        element("div", may, may_not, class_="pair"),
        _declared(app),
    )


def _declared(app: Any) -> Markup:  # noqa: ANN401 - plain data
    rows = [
        [g["capability"], element("code", g["declared"]), element("code", f"{g['file']}:{g['line']}")]
        for g in app["grants"]
    ]
    kernel = app["kernel"]
    binds = [f"{bind['role']} at {bind['at']} ({bind['access']})" for bind in kernel["binds"]]
    inside = [
        table(("Power", "Declared as", "Where"), rows, "What the manifest grants, line by line"),
        element("h3", "What the kernel lets it reach"),
        items("ul", [f"network: {kernel['network']}", *binds]),
        element("h3", "Commands its page can call"),
        element("p", element("code", ", ".join(app["commands"]))),
    ]
    return element("details", element("summary", "In detail"), *inside)


def tried(report: Report) -> Markup:
    """How much was tried, by family and by layer."""
    totals = report.judgement.totals
    tiles = (
        (totals.rules, "rules put to the test" if totals.rules != 1 else "rule put to the test"),
        (totals.decisions, "decisions compared with an independent reading"),
        (totals.attacks, "hostile operations on the running app"),
        (totals.probes, "probes of the kernel sandbox"),
    )
    numbers = element(
        "ul",
        *(
            element("li", element("b", f"{count:,}"), element("span", text, class_="soft"))
            for count, text in tiles
        ),
        class_="tiles",
    )
    areas = _areas(report)
    data = [
        plots.Bar(area, sum(o.attempts for o in outcomes), all(o.result in _HELD for o in outcomes))
        for area, outcomes in areas.items()
    ]
    rows = [
        [
            area,
            _AREAS.get(area, ""),
            f"{_held(outcomes)} of {len(outcomes)}",
            f"{sum(o.attempts for o in outcomes):,}",
        ]
        for area, outcomes in areas.items()
    ]
    plot = element(
        "figure",
        plots.bars(data),
        element(
            "figcaption",
            "Attempts by family, on a logarithmic scale. ✕ marks a family in which not all rules held.",
        ),
    )
    in_words = table(
        ("Family", "What it attacks", "Rules that held", "Attempts"), rows, "The same in numbers"
    )
    return _section(
        "tried",
        "What was tried",
        numbers,
        plot,
        element("details", element("summary", "As a table"), in_words),
        *_matrix(report),
    )


def _held(outcomes: Sequence[RuleOutcome]) -> int:
    return sum(outcome.result in _HELD for outcome in outcomes)


def _areas(report: Report) -> dict[str, list[RuleOutcome]]:
    areas: dict[str, list[RuleOutcome]] = {}
    for outcome in report.judgement.outcomes:
        areas.setdefault(outcome.rule.area, []).append(outcome)
    return areas


def _layers(outcome: RuleOutcome) -> list[str]:
    named = [part.strip() for part in outcome.rule.layer.split(",") if part.strip()]
    return named or [outcome.rule.area]


def _matrix(report: Report) -> list[Markup]:
    """Families against layers: how many rules hold in each layer."""
    areas = {area: found for area, found in _areas(report).items() if area != "performance"}
    named = {layer for outcomes in areas.values() for o in outcomes for layer in _layers(o)}
    layers = [*(layer for layer in _ORDER if layer in named), *sorted(named.difference(_ORDER))]
    if not layers:
        return []
    rows = []
    for area, outcomes in areas.items():
        cells = [_cell([o for o in outcomes if layer in _layers(o)]) for layer in layers]
        rows.append([area, *cells])
    text = "Rules that held, by family (rows) and by the layer that has to hold them (columns)"
    return [
        element("h3", "Which layer held"),
        element("div", table(("family", *layers), rows, text), class_="matrix"),
    ]


def _cell(outcomes: Sequence[RuleOutcome]) -> str:
    if not outcomes:
        return ""
    if any(outcome.result is Result.FAILED for outcome in outcomes):
        style = "broken"
    else:
        style = "held" if _held(outcomes) == len(outcomes) else "unsure"
    sign = {"broken": " ✕", "unsure": " ?", "held": " ✓"}[style]
    return element("span", f"{_held(outcomes)}/{len(outcomes)}{sign}", class_=f"cell {style}")


def found(report: Report) -> Markup:
    """Each finding with its place, its reason and its way out; then the rules that were not decided."""
    parts: list[Markup] = []
    for outcome in report.judgement.outcomes:
        for number, finding in enumerate(outcome.findings):
            parts.append(_finding(outcome, finding, report.replay_of(outcome, number)))
    undecided = [
        [f"{o.rule.id} {o.rule.slug}", o.result.value, o.reason]
        for o in report.judgement.outcomes
        if o.result in (Result.SKIPPED, Result.INCONCLUSIVE)
    ]
    if not parts:
        tail = "" if not undecided else " What could not be tested is listed here."
        parts.append(element("p", f"Nothing got through.{tail}"))
    if undecided:
        parts.append(element("h3", "Not decided"))
        parts.append(table(("Rule", "Result", "Why"), undecided, "Rules without a result, and the reason"))
    return _section("found", "What was found, and how to fix it", *parts)


def _finding(outcome: RuleOutcome, finding: Finding, replay: str | None) -> Markup:
    severity = (finding.severity or outcome.rule.severity).value
    place = f"{finding.file or 'locara.json'}{'' if finding.line is None else f':{finding.line}'}"
    facts: list[tuple[str, str]] = [("where", element("code", place))]
    if finding.because:
        facts.append(("because", finding.because))
    facts += [
        (key, element("code", _plain(value)))
        for key, value in finding.evidence.items()
        if value not in ("", None)
    ]
    if finding.accepted:
        facts.append(("accepted", finding.accepted))
    facts.append(("how to fix", outcome.rule.fix))
    for name, text in (("wrong", outcome.rule.bad), ("right", outcome.rule.good)):
        if text:
            facts.append((name, element("code", text)))
    facts.append(("why it matters", outcome.rule.why))
    if replay is not None:
        facts.append(("see it again", element("code", f"locara replay {replay}")))
    pairs = [part for name, value in facts for part in (element("dt", name), element("dd", value))]
    title = element("h3", element("span", severity, class_=f"mark {severity}"), f" {finding.message}")
    rule = element("p", f"{outcome.rule.id} {outcome.rule.slug}: {outcome.rule.title}", class_="soft")
    return element("article", title, rule, element("dl", *pairs), class_=f"finding {severity}")


def _plain(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def speed(report: Report) -> Markup | None:
    """What the framework costs beside the raw engines, with intervals and bounds."""
    bench = report.judgement.bench
    rows = list(measurement_rows(bench))
    if not rows:
        return None
    parts: list[Markup] = []
    if (plot := plots.ratios(bench)) is not None:
        text = (
            "1 is as fast as the raw engine in the same run. Dot: median. Thick bar: 95 % interval. Box and line: where"
            " half and nine tenths of the single pairs lie. Dashed: the bound of its rule, where the bound is a ratio."
        )
        parts.append(element("figure", plot, element("figcaption", text)))
    head = ("Measured", "Ours", "Raw engine", "Kept of raw, or the multiple that is judged")
    parts.append(element("details", element("summary", "As a table"), table(head, rows, "All measurements")))
    return _section("speed", "What it costs", *parts)


def course(report: Report) -> Markup | None:
    """When each check ran."""
    plot = plots.timeline(report.spans, report.seconds)
    if plot is None:
        return None
    rows = [
        [span.check, f"{span.ms / 1000:.2f} s", f"{span.began_ms / 1000:.2f} s", ", ".join(span.rules)]
        for span in sorted(report.spans, key=lambda span: -span.ms)
    ]
    longest = ", ".join(f"{name} {took}" for name, took, *_ in rows[:4])
    text = f"{report.jobs} at a time; benchmarks run alone at the end. The longest: {longest}."
    return _section(
        "course",
        "The course of the run",
        element("figure", plot, element("figcaption", text)),
        element(
            "details",
            element("summary", "As a table"),
            table(("Check", "Took", "Began at", "Rules"), rows, "Checks, the longest first"),
        ),
    )


def rules(report: Report) -> Markup:
    """Every rule with its result, and those that were not planned with the reason."""
    parts: list[Markup] = []
    for area, outcomes in _areas(report).items():
        rows = [
            [
                outcome.rule.id,
                outcome.rule.title,
                element("span", outcome.result.value, class_=f"mark {outcome.result.value}"),
                f"{outcome.attempts:,}",
            ]
            for outcome in outcomes
        ]
        inside = table(("Rule", "What must hold", "Result", "Attempts"), rows, _AREAS.get(area, area))
        parts.append(
            element("details", element("summary", f"{area}: {_held(outcomes)} of {len(outcomes)}"), inside)
        )
    if report.plan.not_planned:
        left = [[rule, reason] for rule, reason in sorted(report.plan.not_planned.items())]
        inside = table(("Rule", "Why"), left, "Rules that have no place in this run")
        parts.append(element("details", element("summary", f"not planned: {len(left)}"), inside))
    return _section("rules", "Every rule", *parts)


def again(report: Report) -> Markup:
    """How to repeat the run, and what it ran on."""
    options = "--strict " if report.strict else f"--profile {report.budget.profile} "
    command = f"locara verify {options}--seed 0x{report.seed:x} {report.path}"
    facts: Mapping[str, JSON] = environment()
    rows = [[key, str(value)] for key, value in facts.items()]
    notes = [items("ul", report.judgement.notes)] if report.judgement.notes else []
    return _section(
        "again",
        "Do it again",
        element("p", "The same seed makes the same attacks. On your own machine:"),
        element("p", element("code", command)),
        table(("What", "Value"), rows, "What the result may depend on besides the app"),
        *([element("details", element("summary", "Remarks of the checks"), *notes)] if notes else []),
    )


def severities(report: Report) -> dict[Severity, int]:
    """How many findings there are of each severity."""
    counts = dict.fromkeys(Severity, 0)
    for outcome in report.judgement.outcomes:
        for finding in outcome.findings:
            counts[finding.severity or outcome.rule.severity] += 1
    return counts


def _section(identity: str, title: str, *content: str) -> Markup:
    return element(
        "section",
        element("h2", title, id=f"{identity}-name"),
        joined(content),
        id=identity,
        aria_labelledby=f"{identity}-name",
    )
