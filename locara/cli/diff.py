"""`locara diff`: what one version of an app may do and another may not, by the exact algebra of their
grants."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.cli.exits import Exit
from locara.cli.terminal import bold, colours, printable, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locara.core.changes import Gain
    from locara.core.grant import Grants
    from locara.models.cache import ModelCache

summary = "say what one version of an app may do and another may not"

_EPILOG = """examples:
  locara diff v1/ v2/                 two folders, or two locara.json files
  locara diff --json v1/ v2/ | jq .widened

Each line of what was added is something that NEW may do and OLD may not, with a request that shows it.
An update that adds something asks the person again, and what it adds sleeps for 7 days.

Exit code: 0 NEW may do nothing that OLD may not, 1 it may, 4 one of the two cannot be read.
"""
FORMAT: Final = "locara-diff/1"
_GREEN: Final = "\x1b[32m"
_RED: Final = "\x1b[31m"
_OFF: Final = "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """OLD, NEW, --json."""
    parser.epilog = _EPILOG
    parser.add_argument("old", metavar="OLD", type=Path, help="folder or locara.json of the version before")
    parser.add_argument("new", metavar="NEW", type=Path, help="folder or locara.json of the version after")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """0 when NEW widens nothing, 1 when it does."""
    import sys

    from locara.models.cache import ModelCache, default_root

    cache = ModelCache(default_root())
    facts = compare(_grants(args.old), _grants(args.new), cache)
    print(json.dumps(facts, ensure_ascii=False) if args.json else _text(facts, colour=colours(sys.stdout)))
    return Exit.FINDINGS if facts["widened"] else Exit.PASSED


def _grants(path: Path) -> Grants:
    from locara.core.compile import compile_grants
    from locara.core.manifest import parse_manifest
    from locara.runtime.manifest_file import BundleError, read_manifest

    if not path.exists():
        raise BundleError(f"{path} does not exist", code="not_an_app")
    place = path / "locara.json" if path.is_dir() else path
    return compile_grants(parse_manifest(read_manifest(place), source=str(place)))


def compare(old: Grants, new: Grants, cache: ModelCache) -> dict[str, Any]:
    """The facts of `locara-diff/1`: who, what was added and removed with witnesses, risk, models."""
    from locara.core.changes import gains
    from locara.core.label import privacy_label

    added, removed = gains(old, new), gains(new, old)
    before, after = privacy_label(old), privacy_label(new)
    return {
        "schema": FORMAT,
        "old": _version(old),
        "new": _version(new),
        "widened": bool(added),
        "added": [_gain(gain) for gain in added],
        "removed": [_gain(gain) for gain in removed],
        "risk": {
            "old": before.risk,
            "new": after.risk,
            "reasons_added": [reason for reason in after.reasons if reason not in before.reasons],
            "reasons_removed": [reason for reason in before.reasons if reason not in after.reasons],
        },
        "badges": {"old": list(before.badges), "new": list(after.badges)},
        "models": _models(old.models, new.models, cache),
    }


def _version(grants: Grants) -> dict[str, str]:
    return {"app": grants.app_id, "version": grants.version, "manifest": str(grants.manifest_digest)}


def _gain(gain: Gain) -> dict[str, Any]:
    from locara.core.changes import told

    witnesses = [told(request) for request in gain.witnesses]
    return {"capability": gain.kind.value, "sentence": gain.sentence, "witnesses": witnesses}


def _models(old: Mapping[str, Any], new: Mapping[str, Any], cache: ModelCache) -> list[dict[str, Any]]:
    """Each model of either side: its state (same, added, removed, changed) and its bytes where cached."""

    def size(digest: object) -> int | None:
        path = None if digest is None else cache.blob(digest)  # type: ignore[arg-type]
        return None if path is None else path.stat().st_size

    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        state = "added" if before is None else "removed" if after is None else "changed"
        found.append(
            {
                "id": name,
                "state": "same" if before == after else state,
                "old": None if before is None else {"digest": str(before), "bytes": size(before)},
                "new": None if after is None else {"digest": str(after), "bytes": size(after)},
            }
        )
    return found


def _text(facts: dict[str, Any], *, colour: bool) -> str:
    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_OFF}" if colour else text

    old, new = facts["old"], facts["new"]
    lines = [bold(f"{old['app']} {old['version']} → {new['app']} {new['version']}")]
    if old["app"] != new["app"]:
        lines.append("these are two different apps")
    for title, key, mark, code in (("may now", "added", "+", _GREEN), ("no more", "removed", "-", _RED)):
        if facts[key]:
            lines += ["", bold(title)]
        for gain in facts[key]:
            lines.append(paint(code, f"  {mark} {printable(gain['sentence'])}"))
            shown = [name for name in gain["witnesses"] if "@" in name] or gain["witnesses"]
            lines.append(f"      for example: {printable(', '.join(shown))}")
    if not facts["added"] and not facts["removed"]:
        lines += ["", "both may do exactly the same"]
    lines += ["", *_risk_lines(facts["risk"]), *_model_lines(facts["models"])]
    if facts["added"]:
        lines += ["", "the update asks the person again; what it adds sleeps for 7 days"]
    else:
        lines += ["", "nothing was added: the update does not ask"]
    return "\n".join(lines)


def _risk_lines(risk: dict[str, Any]) -> list[str]:
    same = risk["old"] == risk["new"]
    lines = [f"risk    {risk['new']}, as before" if same else f"risk    {risk['old']} → {risk['new']}"]
    lines += [f"      + {reason}" for reason in risk["reasons_added"]]
    return lines + [f"      - {reason}" for reason in risk["reasons_removed"]]


def _model_lines(models: list[dict[str, Any]]) -> list[str]:
    lines = []
    for model in models:
        sides = [side for side in (model["old"], model["new"]) if side is not None]
        if model["state"] == "same":
            sides = sides[:1]
        shown = " → ".join(
            f"{side['digest'][7:19]}… "
            + (size_text(side["bytes"]) if side["bytes"] is not None else "(not in the cache)")
            for side in sides
        )
        lines.append(f"model   {printable(model['id'])}: {model['state']}, {shown}")
    return lines
