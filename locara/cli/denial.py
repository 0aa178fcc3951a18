"""One entry of an app's audit log, explained: what was asked, what was decided, and what would change it."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from locara.cli.exits import Exit
from locara.cli.terminal import printable
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.core.grant import Grants
    from locara.core.request import Request


def is_entry(name: str) -> bool:
    """True for APP#SEQ, the id of one entry."""
    app, mark, number = name.rpartition("#")
    return bool(app and mark) and number.isdecimal()


def explain_entry(name: str, data: Path | None) -> int:
    """Print the entry. UsageError when there is none of that number; BundleError, NoLogError as audit-log."""
    from locara.cli.audit_log import NoLogError
    from locara.runtime.app import AppBundle
    from locara.runtime.app_home import AppHome
    from locara.runtime.audit import read_entries

    app, _, number = name.rpartition("#")
    grants = AppBundle.open(Path(app)).grants
    log = AppHome.of(grants, root=data).audit_log
    if not log.is_file():
        raise NoLogError(f"there is no audit log at {log}", fix="run the app once, or name its --data folder")
    entry = next((one for one in read_entries(log) if one.get("seq") == int(number)), None)
    if entry is None:
        raise UsageError(
            f"the audit log has no entry {number}",
            fix=f"`locara audit-log show {app} --format json` has them",
        )
    print("\n".join(printable(line) if line else "" for line in _lines(entry, grants)))
    return Exit.PASSED


def _lines(entry: Mapping[str, Any], grants: Grants) -> list[str]:
    from locara.core.decision import decide

    verdict = "allowed" if entry.get("allowed") else "denied"
    request = " ".join(f"{key}={value}" for key, value in dict(entry.get("request", {})).items())
    lines = [
        f"{verdict}: {entry.get('cmd')} of {entry.get('app')} at {entry.get('time')}",
        "",
        f"capability  {entry.get('capability')}",
        f"request     {request or 'none of its own'}",
        f"because     {entry.get('because')}",
    ]
    asked = _request(str(entry.get("capability")), dict(entry.get("request", {})))
    if asked is None or entry.get("allowed"):
        return lines
    now = decide(grants, asked)
    if now.allowed:
        return [
            *lines,
            "",
            f"today       the manifest allows it: {now.because}; what is denied is the effect",
        ]
    return [
        *lines,
        f"to allow    {now.fix}",
        "",
        "The line belongs into capabilities of locara.json; people are asked.",
    ]


def _request(capability: str, values: Mapping[str, Any]) -> Request | None:
    """The request that an entry is about, None when it is about none (a start, an absent command)."""
    from locara.core.request import Request

    for kind in get_args(Request):
        if {field.name for field in fields(kind)} == values.keys() and values:
            request: Request = kind(**values)
            if str(request.kind) == capability:
                return request
    return None
