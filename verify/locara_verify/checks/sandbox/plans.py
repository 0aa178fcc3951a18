"""The app's real launch plan with a probe program as its payload, and one run of it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

from locara.records import dataclass
from locara.sandbox.launcher import LaunchPlan, LaunchSpec, Payload, build_plan, start
from locara_verify.checks.sandbox.outside import Outside
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.target import MANIFEST

INSIDE: Final = Path(__file__).resolve().parent / "inside"
RUN: Final = "inside.run"
_SECONDS: Final = 120.0


class ProbeError(Exception):
    """The probe program gave no answer; its stderr's last line says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the probes answered inside, what the program saw of itself, what reached the outside meanwhile."""

    outcomes: Mapping[str, str]
    facts: Mapping[str, Any]
    hits: Mapping[str, int]
    changes: tuple[str, ...]
    report: Mapping[str, Any]


def app_plan(ctx: Context) -> LaunchPlan:
    """The plan of the app under test: its Grants, its folders (in a copy), its cached models, fresh data.

    The copy belongs to the sandbox's user, so that a missing read-only mount would show and no ownership
    hides it.
    """
    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("a launch plan needs a valid locara.json")
    app = ctx.variant("app", lambda document: None)
    (app / manifest.build.out).mkdir(parents=True, exist_ok=True)
    blobs = {digest: ctx.model_cache.blob(digest) for digest in ctx.grants.models.values()}
    roots = {}
    for name in ("documents", "downloads", "desktop", "pictures", "music", "movies"):
        roots[name] = ctx.fresh_dir(name)
    plan = build_plan(
        LaunchSpec(
            grants=ctx.grants,
            manifest_path=app / MANIFEST,
            app_dir=app,
            data_dir=ctx.fresh_dir("data"),
            payload=Payload(RUN),
            models={digest: path for digest, path in blobs.items() if path is not None},
            user_roots=roots,
            app_parts=("db", manifest.build.out),
            extra_read_only=(INSIDE,),
        )
    )
    if plan.identity is not None:
        for path in (app, *app.rglob("*")):
            os.chown(path, plan.identity.uid, plan.identity.gid, follow_symlinks=False)
    return plan


def app_part(ctx: Context) -> str:
    """The name of the built page's directory below /app."""
    manifest = ctx.target.manifest
    return "dist" if manifest is None else manifest.build.out


def run_probes(
    plan: LaunchPlan,
    there: Outside,
    names: Iterable[str] | None,
    *,
    part: str = "dist",
    places: Mapping[str, JSON] | None = None,
) -> Run:
    """Run probes (None: all) in the plan's sandbox. ``places`` says where its own things lie, if not as in an
    app's. Raises SandboxError when it does not start, ProbeError.
    """
    there.reset()
    request = {
        "world": {**there.world(inside=True, app_part=part), **(places or {})},
        "probes": None if names is None else list(names),
    }
    plan = _with_payload(plan, json.dumps(request))
    with start(plan, stdout=PIPE, stderr=PIPE) as process:
        guard = threading.Timer(_SECONDS, process.kill)
        guard.start()
        try:
            output = b"" if process.stdout is None else process.stdout.read()
            said = b"" if process.stderr is None else process.stderr.read()
            process.wait(_SECONDS)
        finally:
            guard.cancel()
        report = process.report
    try:
        answer = json.loads(output)
    except ValueError as error:
        last = said.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise ProbeError(f"the probe program ended without an answer: {last[:200]}") from error
    return Run(answer["results"], answer["facts"], there.canaries.take(), tuple(there.changes()), report)


def _with_payload(plan: LaunchPlan, argument: str) -> LaunchPlan:
    return replace(plan, payload=Payload(RUN, (argument,)))
