"""Rules, checks and reports made by hand, so that the engine can be tested without any real check."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from locara_verify.budget import PROFILES
from locara_verify.check import Check, CheckResult, always
from locara_verify.events import CheckFinished
from locara_verify.finding import Finding, Severity
from locara_verify.plan import Plan, Task
from locara_verify.report.value import Report
from locara_verify.rule import Rule
from locara_verify.verdict import judge


def rule(rule_id: str, slug: str = "", severity: Severity = Severity.ERROR, **more: object) -> Rule:
    return Rule(
        id=rule_id,
        slug=slug or f"slug-of-{rule_id.lower()}",
        title=f"title of {rule_id}",
        severity=severity,
        why="because it matters",
        fix="do the right thing",
        since="0.1",
        **more,  # type: ignore[arg-type]
    )


def a_check(name: str, *rules: str, **more: object) -> Check:
    fields: dict[str, object] = {
        "needs": frozenset(),
        "exclusive": False,
        "steady": False,
        "on_disk": False,
        "quick": False,
        "waits": False,
        "broken_manifest": False,
        "applies": always,
        "run": lambda _ctx: CheckResult(),
        "module": "a.module",
    }
    return Check(name, rules, **{**fields, **more})  # type: ignore[arg-type]


def finished(
    check: Check, result: CheckResult | None = None, *, reason: str = "", started: bool = True
) -> CheckFinished:
    return CheckFinished(Task(check, check.rules), result, reason, started, 5)


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    return rule


@pytest.fixture
def make_check() -> Callable[..., Check]:
    return a_check


@pytest.fixture
def make_finished() -> Callable[..., CheckFinished]:
    return finished


@pytest.fixture
def report() -> Callable[..., Report]:
    """A report over four rules: one holds, one fails, one is inconclusive, one warns."""

    def make(*, strict: bool = False, interrupted: bool = False, only_good: bool = False) -> Report:
        rules = {
            r.id: r
            for r in (
                rule("LC001", "text"),
                rule("LC007", "broad", Severity.WARNING),
                rule("LC201", "paths"),
                rule("LC901", "speed"),
            )
        }
        if only_good:
            rules = {"LC001": rules["LC001"]}
        one, two = a_check("one", "LC001", "LC007", "LC201"), a_check("two", "LC901")
        finding = Finding(
            "LC201",
            "a file outside \u202e was read",
            because="the canary came back",
            file="locara.json",
            line=14,
            evidence={"path": "../\x1b[31mcanary"},
            replay={"check": "one", "case": {"path": "../canary"}},
        )
        warning = Finding("LC007", "every host is granted")
        results = (
            finished(
                one,
                CheckResult(
                    () if only_good else (finding, warning),
                    {"LC001": 3, "LC007": 1, "LC201": 40},
                    decisions=1_000,
                    attacks=200,
                    probes=7,
                    bench={"latency": {"p50_us": 1.25, "bound": 1.5}},
                    notes=("the machine was busy",),
                ),
            ),
            finished(two, None, reason="the worker was killed by signal 9"),
        )
        plan = Plan(rules, tuple(event.task for event in results), {}, {"LC104": "left out by --skip"})
        reason = "the run was interrupted" if interrupted else ""
        judgement = judge(plan, results, strict=strict, broken_off=reason)
        return Report(
            path=Path("/apps/notes"),
            digest="sha256:" + "ab" * 32,
            app=None,
            plan=plan,
            judgement=judgement,
            budget=PROFILES["quick"],
            seed=0x51E7,
            strict=strict,
            interrupted=interrupted,
            started="2026-01-02T03:04:05+00:00",
            seconds=1.5,
            jobs=2,
            replays={("LC201", 0): ".locara/failures/LC201-7f3a.json"},
        )

    return make


MANIFEST = {
    "schema": "locara/v1",
    "name": "notes",
    "publisher": "example",
    "version": "1.0.0",
    "displayName": "Notes",
    "description": "Keeps notes on this computer",
    "license": "Apache-2.0",
    "author": {"name": "A. Person", "email": "a.person@example.org"},
    "icon": "public/icon.png",
    "screenshots": ["screenshots/one.png"],
    "category": "productivity",
    "capabilities": {"net": False, "fs.user-selected": "read"},
}


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40, 80, 160)).save(out, "png")
    return out.getvalue()


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Path]:
    """Write a small app that has no model; keywords change its manifest, ``capabilities`` wholly."""

    def make(name: str = "app", **changes: object) -> Path:
        folder = tmp_path / name
        for part in ("public", "screenshots", "dist", "db"):
            (folder / part).mkdir(parents=True)
        (folder / "locara.json").write_text(json.dumps({**MANIFEST, **changes}, indent=2) + "\n")
        (folder / "public" / "icon.png").write_bytes(picture(512, 512))
        (folder / "screenshots" / "one.png").write_bytes(picture(64, 40))
        (folder / "dist" / "index.html").write_text("<!doctype html><title>Notes</title>\n")
        (folder / "db" / "schema.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);\n")
        return folder

    return make
