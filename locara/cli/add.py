"""`locara add`: components of the packaged registry, written into an app. Nothing is fetched."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable
from locara.durable import write_whole
from locara.errors import LocaraError, UsageError
from locara.records import dataclass

summary = "write components of the packaged registry into an app"

_EPILOG = """examples:
  locara add                        what there is
  locara add chat citations         into the app in this folder, with what they build on
  locara add theme                  colours in light and dark, for an app without shadcn's
  locara add chat --diff            only show what would change in files that you edited

The files become yours: React and Tailwind, no further package. They are written below src/components/locara/
(components/locara/ without a src folder). A file that is there and says something else is never replaced
unasked: nothing is written then, the files are named, and the exit code is 1. --overwrite replaces them.
The same items are a shadcn registry, for `npx shadcn add`; docs/components.md says how.
"""
REGISTRY: Final = Path(__file__).resolve().parents[1] / "js/components/dist"
_OWN: Final = "@locara/"


class AddError(LocaraError):
    """A component cannot be written. codes: ``not_built``, ``write_failed``, ``leads_out``."""

    code = "write_failed"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a component: where it goes below the app, and its text."""

    target: str
    content: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME…, --app, --overwrite, --diff, --json."""
    parser.epilog = _EPILOG
    parser.add_argument("names", metavar="NAME", nargs="*", help="components; none lists them")
    parser.add_argument(
        "--app", metavar="APP", type=Path, default=Path(), help="folder of the app (default: this one)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that were changed")
    parser.add_argument("--diff", action="store_true", help="write nothing, show what would change")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """List, show, or write all of it or nothing. Raises AddError and UsageError."""
    if not args.names:
        return _list(as_json=args.json)
    if not args.app.is_dir():
        raise UsageError(f"{args.app} is not a folder", fix="--app names the folder of the app")
    base = args.app / "src" if (args.app / "src").is_dir() else args.app
    wanted = [(base / PurePosixPath(file.target), file) for file in files_of(args.names)]
    for path, _ in wanted:
        _refuse_outside(args.app, path)
    states = {path: _state(path, file) for path, file in wanted}
    changed = [path for path, state in states.items() if state == "changed"]
    if args.diff:
        for path, file in wanted:
            if states[path] != "same":
                _show(path, file)
        return Exit.PASSED
    if changed and not args.overwrite:
        _tell(args.app, states, done=False, as_json=args.json)
        return Exit.FINDINGS
    for path, file in wanted:
        if states[path] != "same":
            _write(path, file.content)
    _tell(args.app, states, done=True, as_json=args.json)
    return Exit.PASSED


def items() -> dict[str, dict[str, Any]]:
    """Every item of the registry by name, without its files' text. Raises AddError when it was not built."""
    return {str(one["name"]): one for one in _read("registry")["items"]}


def files_of(names: Sequence[str]) -> Iterator[File]:
    """The files of these components and of all that they build on, each once. Raises AddError and UsageError."""
    known = items()
    waiting, seen = [name.removeprefix(_OWN) for name in names], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"there is no component {name}",
                fix=f"did you mean {near[0]}?" if near else "`locara add` lists them",
            )
        item = _read(name)
        waiting += [one.removeprefix(_OWN) for one in item["registryDependencies"]]
        yield from (File(one["target"], one["content"]) for one in item["files"])


def _read(name: str) -> Any:  # noqa: ANN401 - our own build's JSON
    try:
        return json.loads((REGISTRY / f"{name}.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise AddError("the components were not built", code="not_built", fix="run ./dev setup") from error


def _refuse_outside(app: Path, path: Path) -> None:
    """Raise AddError when a link on the way leads out of the app: an app that was cloned may have any."""
    if not path.parent.resolve().is_relative_to(app.resolve()):
        raise AddError(
            f"{path.parent} leads out of the app, to {path.parent.resolve()}",
            code="leads_out",
            fix="put a folder in the place of the link",
        )


def _state(path: Path, file: File) -> str:
    """`new`, `same` or `changed`: what is there that cannot be read is changed, too."""
    if path.is_symlink() or any(parent.is_symlink() for parent in path.parents if parent.name == "locara"):
        return "changed"
    try:
        return "same" if path.read_text("utf-8") == file.content else "changed"
    except FileNotFoundError:
        return "new"
    except (OSError, UnicodeDecodeError):
        return "changed"


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode(), mode=0o644)
    except OSError as error:
        raise AddError(f"{path} cannot be written: {error.strerror}") from error


def _show(path: Path, file: File) -> None:
    try:
        before = path.read_text("utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        before = []
    shown = difflib.unified_diff(before, file.content.splitlines(keepends=True), str(path), "the registry's")
    for line in shown:
        print(printable(line.rstrip("\n")))


def _list(*, as_json: bool) -> int:
    known = items()
    if as_json:
        print(
            json.dumps(
                {"components": [{k: one[k] for k in ("name", "description")} for one in known.values()]}
            )
        )
        return Exit.PASSED
    width = max(map(len, known))
    for name, item in known.items():
        print(printable(f"{name:{width}}  {item['description'].splitlines()[0]}"))
    return Exit.PASSED


def _tell(app: Path, states: dict[Path, str], *, done: bool, as_json: bool) -> None:
    rows = [{"file": str(path.relative_to(app)), "state": state} for path, state in states.items()]
    if as_json:
        print(json.dumps({"written": done, "files": rows}))
        return
    words = (
        {"new": "added", "same": "as it was", "changed": "replaced"}
        if done
        else {"changed": "changed by you"}
    )
    for row in rows:
        if row["state"] in words:
            print(printable(f"  {words[row['state']]:14} {row['file']}"))
    if not done:
        print(f"{bold('nothing was written')}: --diff shows the changes, --overwrite replaces these files")
