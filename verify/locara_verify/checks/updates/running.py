"""LC773, running apps: malware ends at once, whatever else blocks it; any other block is told, and nothing else is.

A list can name an app in each way that it can name anything, alone and beside other entries, in either of the lists.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.runtime.origin import Origin, record_origin
from locara.runtime.recall import recalled
from locara.runtime.revocation import take_lists
from locara.runtime.state import StateFolder
from locara_verify.checks.updates.both_lists import Entry, both_lists
from locara_verify.context import Context

NOW: Final = 1_800_000_000.0
MODEL: Final = "sha256:" + "ab" * 32
TOOL: Final = "sha256:" + "cd" * 32
BUILT: Final = Origin("sha256:" + "ef" * 32, "ab" * 20, "https://ci.example", NOW - 9.0, frozenset({MODEL}))
_SOON: Final = 20.0  # seconds; what must happen happens in hundredths of one
_LOOK: Final = 0.03


def cases(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """What came of lists that arrive while an app runs, and what is due."""
    told = json.loads(ctx.target.manifest_bytes) | {"modalities": [], "tooling": [], "profiles": {}}
    told["capabilities"] = {"models": [f"m@{MODEL}"], "tools": [f"t@{TOOL}"]}
    grants = compile_grants(parse_manifest(json.dumps(told).encode()))
    names: dict[str, str] = {
        "app": grants.app_id,
        "manifest": str(grants.manifest_digest),
        "model": MODEL,
        "tool": TOOL,
        "artifact": BUILT.artifact or "",
        "commit": BUILT.commit or "",
        "signer": BUILT.signer or "",
        "key": min(BUILT.keys),
    }
    soon = [_SOON]
    for name, value in names.items():
        yield (
            _came(ctx, grants, [_entry("malware", {name: value})], [], soon),
            "told and ended",
            f"malware, by its {name}",
        )
    hole, malware = _entry("vulnerability", {"app": grants.app_id}), _entry("malware", {"app": grants.app_id})
    by_manifest = _entry("malware", {"manifest": names["manifest"]})
    warning, other = malware | {"severity": "warn"}, malware | _elsewhere(malware)
    for what, entries, beside, wanted in (
        ("a hole", [hole], [], "told"),
        ("a warning of malware", [warning], [], ""),
        ("malware of another app", [other], [], ""),
        ("a hole, and malware", [hole, malware], [], "told and ended"),
        ("malware, and a hole", [malware, hole], [], "told and ended"),
        ("a hole, and malware by its manifest", [hole, by_manifest], [], "told and ended"),
        ("a hole, and malware in the urgent list", [hole], [malware], "told and ended"),
        ("malware in the urgent list", [], [malware], "told and ended"),
        ("a hole, and a warning of malware", [hole, warning], [], "told"),
        ("a hole, and malware of another app", [hole, other], [], "told"),
    ):
        yield _came(ctx, grants, entries, beside, soon), wanted, f"lists arrive with {what}"


def _entry(kind: str, named: Entry) -> dict[str, Any]:
    about = {"severity": "block", "kind": kind, "reason": "a test", "time": 1.0}
    return {**about, "id": f"R-{len(kind)}", **named}


def _elsewhere(entry: Entry) -> dict[str, str]:
    """The same entry's name of something else, as long."""
    ((name, value),) = (
        (name, entry[name]) for name in entry.keys() - {"severity", "kind", "reason", "time", "id"}
    )
    return {name: value[:-1] + ("0" if value[-1] != "0" else "1")}


def _came(
    ctx: Context, grants: Grants, entries: Sequence[Entry], beside: Sequence[Entry], soon: list[float]
) -> str:
    """What a running app hears when lists with these entries arrive. The lists before are as long: nothing but what
    they say is another."""
    state = StateFolder(ctx.fresh_dir("running") / "state")
    record_origin(state, grants, BUILT)
    before = [[dict(one) | _elsewhere(one) for one in some] for some in (entries, beside)]
    take_lists(state, both_lists(1, *before, updated=NOW), now=NOW)
    told, ended = threading.Event(), threading.Event()
    with recalled(state, grants, kill=ended.set, tell=lambda _: told.set(), every=0.005):
        told.wait(_LOOK)  # the watch has looked, and found nothing
        if told.is_set():
            return "told of another app"
        take_lists(state, both_lists(2, entries, beside, updated=NOW), now=NOW)
        blocks = [one for one in (*entries, *beside) if one["severity"] == "block"]
        own = [one for one in blocks if _is_of(grants, one)]
        for event, due in ((told, bool(own)), (ended, any(one["kind"] == "malware" for one in own))):
            if not event.wait(soon[-1] if due else 2 * _LOOK) and due:
                soon.append(2 * _LOOK)  # what did not come once in so long is not waited for again
    return " and ".join(word for word, event in (("told", told), ("ended", ended)) if event.is_set())


def _is_of(grants: Grants, entry: Entry) -> bool:
    """Whether it is worth while to wait for what the entry says."""
    return bool(entry.get("app", grants.app_id) == grants.app_id)
