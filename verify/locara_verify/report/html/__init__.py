"""The report as one HTML file that a person can read in a minute, without scripts and without a single request.

Its content security policy allows nothing but the one style sheet inside it, by digest: a report is opened by people
who have reason to distrust what it speaks of.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any, Final

from locara_verify.report.html import sections
from locara_verify.report.html.markup import Markup, element
from locara_verify.report.value import Report

_STYLE: Final = "report.css"


def render(report: Report) -> str:
    """``report`` as one HTML document; ends in a newline."""
    style = files(__package__).joinpath(_STYLE).read_text("utf-8")
    parts = {
        "powers": sections.powers(report),
        "found": sections.found(report),
        "tried": sections.tried(report),
        "speed": sections.speed(report),
        "course": sections.course(report),
        "rules": sections.rules(report),
        "again": sections.again(report),
    }
    name, version = _subject(report)
    title = f"{report.verdict.value.upper()} {name} {version}".strip()
    body = element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        _top(report, name, version),
        element(
            "main",
            sections.verdict(report),
            *(part for part in parts.values() if part is not None),
            id="report",
        ),
        _foot(report),
    )
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(style)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def digest(style: str) -> str:
    """The digest of a style sheet as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


def _subject(report: Report) -> tuple[str, str]:
    app: Any = report.app
    return (
        (report.path.name, "")
        if app is None
        else (app["consent"]["title"].partition(" (")[0], app["version"])
    )


def _top(report: Report, name: str, version: str) -> Markup:
    app: Any = report.app
    kind = "strict verification" if report.strict else f"verification, profile {report.budget.profile}"
    identity = f"{app['id']} {version}" if app is not None else str(report.path)
    return element(
        "header",
        element("h1", name),
        element(
            "p",
            f"{identity} · {kind} · {report.started.replace('T', ' ').removesuffix('+00:00')} UTC",
            class_="soft",
        ),
        element("p", element("span", report.digest, class_="mono"), class_="soft"),
        class_="top",
    )


def _foot(report: Report) -> Markup:
    text = (
        f"This page speaks of exactly one tree of files, {report.digest}. It was made by locara verify "
        f"{report.seconds:.0f} s after the start and asks nothing of the network."
    )
    return element("footer", element("p", text, class_="soft"))
