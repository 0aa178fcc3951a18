"""LC412 at the places themselves: the folder one stands in does not say where decisions, data, models and tools lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import chdir
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara_verify.checks.in_process import at_home
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.runtime.state import StateFolder

RULE: Final = "LC412"
_VARIABLES: Final = ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
_RELATIVE: Final = ("", "here", "./here", "../here", "~/here", "$HOME/here", " /here", ".")


def _places() -> Iterator[tuple[str, Callable[[], object]]]:
    from locara.models import cache as models  # noqa: PLC0415 - only this check asks
    from locara.runtime.app_home import default_apps_root, shared_root  # noqa: PLC0415
    from locara.runtime.installed import Shelf  # noqa: PLC0415
    from locara.runtime.state import default_state_root  # noqa: PLC0415
    from locara.runtime.user_folders import default_user_roots  # noqa: PLC0415
    from locara.tools import cache as tools  # noqa: PLC0415

    yield "decisions", default_state_root
    yield "data", default_apps_root
    yield "shared folders", shared_root
    yield "installed apps", lambda: Shelf.default().path
    yield "models", models.default_root
    yield "tools", tools.default_root
    yield "named folders", default_user_roots


_IDS: Final = (
    *(
        "acme/notes",
        "other/notes",
        "acme/notes-of-others",
        "acme-notes/x",
        "acme/notes-x",
        "acme-notes/notes",
    ),
    *(
        f"{'a' * 40}/{'b' * 40}",
        f"{'a' * 40}/{'b' * 40}c",
        f"{'a' * 40}x/{'b' * 40}",
        f"a/{'b' * 60}",
        f"a/{'b' * 61}",
    ),
)
"""Apps of one name, of one publisher, and of names that are alike at one end."""


def keyed(tally: Tally, ctx: Context) -> None:
    """Whatever is kept of an app lies under a name that no other app has."""
    from locara.runtime import consent, installed, origin, remembered  # noqa: PLC0415 - only this check asks
    from locara.runtime.app_home import file_name  # noqa: PLC0415
    from locara.runtime.state import StateFolder  # noqa: PLC0415

    shelf = installed.Shelf(ctx.fresh_dir("shelf"))
    kept: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("its data", file_name),
        ("the answer", consent.record_name),
        ("what it finds again", remembered.record_name),
        ("how it was built", origin.origin_name),
        ("what is installed", installed.record_name),
        ("its files", shelf.of),
        ("how its window stood", lambda app: _stood(StateFolder(ctx.fresh_dir("windows")), app)),
    )
    for what, name in kept:
        for one, other in combinations(_IDS, 2):
            same = str(name(one)).casefold() == str(name(other)).casefold()
            tally.judge(
                RULE, not same, "what is kept of one app is found for another", f"{what}: {one}, {other}"
            )


def _stood(state: StateFolder, app: str) -> str:
    """The names of the files that remember where the window of an app was left."""
    from locara.ui.placement import keep  # noqa: PLC0415 - only this check asks
    from locara.ui.window import Report  # noqa: PLC0415

    keep(state, app, Report("size", {"width": 1_001, "height": 701, "maximized": False}))
    return ",".join(sorted(str(path.relative_to(state.path)) for path in state.path.rglob("*.json")))


def places(tally: Tally, ctx: Context) -> None:
    """Every place, with each variable of the desktop set to what is no whole path, from a folder that has it all."""
    home, standing = ctx.fresh_dir("home"), ctx.fresh_dir("standing")
    elsewhere = ctx.fresh_dir("elsewhere")
    for base in (standing, standing / "here"):
        base.mkdir(exist_ok=True)
        text = f'XDG_DOCUMENTS_DIR="{elsewhere}"\n'
        (base / "user-dirs.dirs").write_text(text, "utf-8")
    with at_home(home), chdir(standing):
        right = {what: place() for what, place in _places()}
        for variable in _VARIABLES:
            for value in _RELATIVE:
                os.environ[variable] = value
                for what, place in _places():
                    told = f"{variable}={value!r}: {place()}"
                    tally.judge(
                        RULE, place() == right[what], "a place is found below the folder one stands in", told
                    )
            del os.environ[variable]
        whole = {}
        for variable in _VARIABLES:
            os.environ[variable] = str(standing / "here")
            moved = [what for what, place in _places() if place() != right[what]]
            whole[variable] = moved
            del os.environ[variable]
        tally.twin(RULE, all(whole.values()), f"a whole path moves what it is for: {whole}")
        for what, found in right.items():
            inside = isinstance(found, dict) or Path(str(found)).is_relative_to(home)
            tally.judge(RULE, inside, "a place lies outside the person's home by itself", f"{what}: {found}")
