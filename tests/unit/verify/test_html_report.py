"""The HTML report as text: what it says, that nothing in it can break out, and that it asks for nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from locara_verify.finding import Finding
from locara_verify.report import files
from locara_verify.report.html import digest
from locara_verify.report.html.markup import element, joined
from locara_verify.report.html.plots import lanes
from locara_verify.report.value import Span

VOID = {"meta", "link", "br", "col", "path", "rect", "line", "circle"}


class Reader(HTMLParser):
    """Collects texts and attributes, and fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def hostile(report, text: str):
    """The report with ``text`` wherever an app or an attack can put one."""
    made = report()
    finding = Finding("LC201", text, because=text, file=text, line=3, evidence={text: text, "n": [text]})
    outcomes = tuple(
        replace(outcome, findings=(finding,)) if outcome.rule.id == "LC201" else outcome
        for outcome in made.judgement.outcomes
    )
    judgement = replace(made.judgement, outcomes=outcomes, notes=(text,), bench={text: {text: text}})
    return replace(made, judgement=judgement, replays={("LC201", 0): text})


def test_the_first_thing_read_is_the_verdict(report) -> None:
    page = read(files.FORMATS["html"](report()))
    assert page.text.index("Failed: the app or its runtime") < page.text.index("What the app may do")
    passed = read(files.FORMATS["html"](report(only_good=True)))
    assert "Passed: the app keeps to what it declares" in passed.text
    unfinished = read(files.FORMATS["html"](report(interrupted=True, only_good=True)))
    assert "No verdict: something could not be tested" in unfinished.text
    assert "The run was interrupted" in unfinished.text
    assert "Passed" not in unfinished.text


def test_a_finding_says_where_why_and_how_to_fix_it(report) -> None:
    page = read(files.FORMATS["html"](report()))
    for words in (
        "a file outside \\u202e was read",
        "locara.json:14",
        "the canary came back",
        "do the right thing",
        "because it matters",
        "locara replay .locara/failures/LC201-7f3a.json",
        "the worker was killed by signal 9",
    ):
        assert words in page.text, words


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style><b>",
        "]]><!--",
        "\x00\x1b[31m\u202e",
    ],
)
def test_no_text_of_an_app_becomes_markup(report, text) -> None:
    before = [tag for tag, _ in read(files.FORMATS["html"](hostile(report, "harmless"))).tags]
    page = read(files.FORMATS["html"](hostile(report, text)))
    assert [tag for tag, _ in page.tags] == before
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "object", "form", "base"})
    assert not any(
        key.startswith("on") or key == "style" for _, attributes in page.tags for key in attributes
    )


def test_its_policy_allows_its_own_style_and_nothing_else(report) -> None:
    text = files.FORMATS["html"](report())
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (policy,) = [
        a["content"] for tag, a in read(text).tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src '{digest(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    links = [a.get("href", a.get("src", "")) for _, a in read(text).tags if "href" in a or "src" in a]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert "url(" not in style
    assert "@import" not in style


def test_plots_have_names_for_those_who_do_not_see_them(report) -> None:
    spans = (Span("one", ("LC001",), 0, 400, "ok"), Span("two", ("LC901",), 10, 900, "none"))
    bench = {
        "decode": {
            "ours": 2.0, "raw": 1.9, "unit": "us", "bound": 0.97,
            "kept": {"low": 0.9, "median": 0.95, "high": 0.99},
            "spread": {"p05": 0.8, "p25": 0.9, "p50": 0.95, "p75": 0.97, "p95": 1.1},
        }
    }  # fmt: skip
    made = report()
    made = replace(made, spans=spans, judgement=replace(made.judgement, bench=bench))
    page = read(files.FORMATS["html"](made))
    pictures = [a for tag, a in page.tags if tag == "svg" and a.get("aria-hidden") != "true"]
    assert len(pictures) == 3
    identities = {a["id"] for _, a in page.tags if "id" in a}
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(picture["aria-labelledby"].split()) <= identities
    assert "decode 0.95 (0.9 to 0.99)" in page.text
    assert "2 checks in 1.5 s; the longest: two 0.9 s, one 0.4 s" in page.text


def test_spans_that_overlap_are_drawn_in_rows_of_their_own() -> None:
    spans = [Span(str(begin), (), begin, ms, "ok") for begin, ms in ((0, 100), (10, 20), (50, 10), (120, 5))]
    assert lanes(spans) == [0, 1, 1, 0]


def test_markup_is_escaped_once() -> None:
    inner = element("b", "a < b", title='"&"')
    assert inner == '<b title="&quot;&amp;&quot;">a &lt; b</b>'
    assert joined(["<", inner]) == f"&lt;{inner}"
