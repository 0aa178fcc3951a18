"""LC207 for each command that is given a place: what it does to a file is what it asked the gate for, there and before.

Every registered command runs in this process with a gate and a tree that only write down what they are asked. A
command that is added tomorrow is tried tomorrow, with each choice that its arguments leave.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from types import SimpleNamespace
from typing import Any, Final, Literal

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC207"
PLACES: Final[Mapping[str, str]] = {
    "$APP_DATA": "app-data",
    "$MUSIC": "music",
    "$SHARED/pair": "shared/pair",
    "a-handle": "user-selected",
}
"""A root as an app names it, and as the manifest does."""
EFFECTS: Final[Mapping[str, str]] = {
    "open_read": "read",
    "entries": "read",
    "metadata": "read",
    "write": "write",
    "remove": "write",
    "make_folder": "write",
}


@check("escape-asked-first", rules=(RULE,), quick=True)
def run(_ctx: Context) -> CheckResult:
    """Each command with a root and a path, at each kind of place, with each choice."""
    from unittest.mock import MagicMock  # noqa: PLC0415 - slow to load

    from locara.runtime.arguments_model import as_pydantic  # noqa: PLC0415 - loads pydantic
    from locara.runtime.commands import registered  # noqa: PLC0415 - loads every command

    tally, seen, session = Tally(), set(), MagicMock()
    for name, command in registered().items():
        model = as_pydantic(command.args)
        if not {"root", "path"} <= model.model_fields.keys():
            continue
        for (root, known), more in product(PLACES.items(), choices(model)):
            done = called(session, command, {**more, "root": root, "path": "one/a.txt"})
            asked: set[object] = set()
            for what, words in done:
                if what == "asked":
                    asked.add(words)
                    continue
                seen.add(what)
                wanted = (known, "one/a.txt", EFFECTS.get(what, "write"))
                told = (
                    f"{name} {more} in {root}: {what} after {sorted(map(str, asked)) or 'nothing'} was asked"
                )
                held = words == "one/a.txt" and wanted in asked
                tally.judge(RULE, held, "a file was used otherwise than it was asked for", told)
    tally.twin(RULE, EFFECTS.keys() <= seen, f"each effect comes about, and not {sorted(seen)} alone")
    return tally.result()


def called(session: Any, command: Any, args: Mapping[str, Any]) -> list[tuple[str, object]]:  # noqa: ANN401 - a registered command
    """What one call asked for and did, in its order; how it ends does not matter."""
    from locara.runtime.call import Call  # noqa: PLC0415 - as above
    from locara.runtime.trees import Metadata  # noqa: PLC0415

    done: list[tuple[str, object]] = []

    def effect(what: str) -> Any:  # noqa: ANN401 - stands for any method of a tree
        def happens(path: str, *_more: object) -> object:
            done.append((what, path))
            if what == "open_read":
                return os.open(os.devnull, os.O_RDONLY)
            return {"entries": ([], False), "metadata": Metadata("file", 0, 0)}.get(what, 0)

        return happens

    session.gate.require = lambda asked, **_more: done.append(
        (
            "asked",
            (getattr(asked, "root", None), getattr(asked, "path", None), getattr(asked, "access", None)),
        )
    )
    session.files.tree = lambda _root: SimpleNamespace(**{what: effect(what) for what in EFFECTS})
    with suppress(Exception):
        command.run(session, Call(1, command.name, lambda _event: None), command.checked(dict(args)))
    return done


def choices(model: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a model of arguments
    """Arguments besides root and path: each value of those that are one of a few, one of the others that are needed."""
    names, values = [], []
    for name, field in model.model_fields.items():
        if name in ("root", "path"):
            continue
        if typing.get_origin(field.annotation) is Literal:
            names.append(field.alias or name)
            values.append(typing.get_args(field.annotation))
        elif field.is_required():
            names.append(field.alias or name)
            values.append(("eA==",) if field.annotation is str else (1,))
    for chosen in product(*values):
        yield dict(zip(names, chosen, strict=True))
