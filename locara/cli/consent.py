"""`locara consent`: read what an app asks for and answer it, see your answer, or take it back."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable

if TYPE_CHECKING:
    from locara.core.consent import ConsentText
    from locara.runtime.app import AppBundle
    from locara.runtime.consent import ConsentRecord
    from locara.runtime.state import StateFolder

summary = "answer what an app asks for, see your answer, or take it back"

_EPILOG = """examples:
  locara consent show apps/docvault        what it asks for, your answer, and what still sleeps
  locara consent give apps/docvault        be asked in this terminal, without starting the app
  locara consent withdraw apps/docvault    the next start asks again

Answers are kept in $XDG_STATE_HOME/Locara/consent (~/.local/state/Locara/consent), where no app can write.

Exit code: 0; show: 1 when there is no answer that covers this version.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """show|give|withdraw, APP, --json."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("show", "give", "withdraw"))
    parser.add_argument(
        "app",
        metavar="APP",
        type=Path,
        help="folder of the app (it holds locara.json), or publisher/name of one that is installed",
    )
    parser.add_argument("--json", action="store_true", help="show: one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when `show` finds no answer that covers this version. Raises StartError when it is refused."""
    from locara.cli.installed_app import named
    from locara.runtime.app import AppBundle
    from locara.runtime.lifecycle import withdraw
    from locara.runtime.state import StateFolder, default_state_root

    bundle, state = AppBundle.open(named(args.app)), StateFolder(default_state_root())
    if args.action == "show":
        return _show(bundle, state, as_json=args.json)
    if args.action == "withdraw":
        done = withdraw(state, bundle.grants.app_id)
        print("withdrawn: the next start asks again" if done else "there was no answer to take back")
        return Exit.PASSED
    return _give(bundle, state)


def _give(bundle: AppBundle, state: StateFolder) -> int:
    import time

    from locara.cli.asking import TerminalConsent
    from locara.models.cache import ModelCache, default_root
    from locara.runtime.launch import model_sizes
    from locara.runtime.lifecycle import admit

    sizes = model_sizes(bundle, ModelCache(default_root()))
    admission = admit(bundle, state=state, consent=TerminalConsent(), now=time.time(), model_sizes=sizes)
    print("you agreed to this version")
    for layer in admission.asleep.layers:
        print(f"some of its powers sleep until {moment(layer.wakes)}")
    return Exit.PASSED


def _show(bundle: AppBundle, state: StateFolder, *, as_json: bool) -> int:
    from locara.core.consent import consent_text
    from locara.models.cache import ModelCache, default_root
    from locara.runtime.consent import load
    from locara.runtime.launch import model_sizes

    record = load(state, bundle.grants.app_id)
    covered = record is not None and record.answer == "yes" and not record.standing.widened_by(bundle.grants)
    sizes = model_sizes(bundle, ModelCache(default_root()))
    text = consent_text(bundle.grants, model_sizes=sizes)
    if as_json:
        print(json.dumps(_facts(text, record, covered=covered), ensure_ascii=False))
    else:
        print("\n".join(text_lines(text)))
        print(f"\n{printable(_answer(record, covered=covered))}")
        for layer in () if record is None else record.standing.asleep:
            print(f"some of its powers sleep until {moment(layer.wakes)}")
    return Exit.PASSED if covered else Exit.FINDINGS


def _facts(text: ConsentText, record: ConsentRecord | None, *, covered: bool) -> dict[str, Any]:
    asks = {"title": text.title, "may": text.may, "may_not": text.may_not, "models": text.models}
    facts: dict[str, Any] = {"asks": asks, "covered": covered, "answer": None}
    if record is not None:
        facts["answer"] = {
            "answer": record.answer,
            "answered": moment(record.answered),
            "version": record.version,
            "manifest": str(record.manifest),
            "asleep_until": [moment(layer.wakes) for layer in record.standing.asleep],
        }
    return facts


def _answer(record: ConsentRecord | None, *, covered: bool) -> str:
    if record is None:
        return "you have not been asked yet"
    when = moment(record.answered)
    if record.answer == "withdrawn":
        return "you took your answer back; the next start asks again"
    if not covered:
        return f"you agreed to version {record.version} on {when}; this version asks for more"
    return f"you agreed on {when}"


def text_lines(text: ConsentText) -> list[str]:
    """The consent text as a person reads it in a terminal. Every word of the app in it is escaped."""
    lines = [bold(printable(text.title)), "", "it may"]
    lines += [f"  + {printable(item)}" for item in text.may or ("do nothing beyond its own database",)]
    lines += ["", "it may not"]
    lines += [f"  - {printable(item)}" for item in text.may_not]
    if text.models:
        lines += ["", "models it runs on this computer", *(f"  * {printable(item)}" for item in text.models)]
    return lines


def moment(seconds: float) -> str:
    """A time for people: ``2026-11-30 08:15 UTC``."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar has"
