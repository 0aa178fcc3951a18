"""`locara init`: a new app from a template, complete: page, schema, tests and the SDK, with nothing to install."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Final

from locara.cli.exits import Exit
from locara.cli.parser import closest
from locara.cli.terminal import bold, printable
from locara.errors import LocaraError, UsageError

summary = "begin a new app from a template"

TEMPLATES: Final = {
    "blank": "notes in the app's own database; no model, no power but its own folder",
    "chat": "a conversation with a pinned local model, streamed and kept",
    "docvault": "ask your own documents (a copy of apps/docvault; only in a clone)",
    "transcribe": "what was said, with its times (a copy of apps/transcribe; only in a clone)",
}
_APPS: Final = ("docvault", "transcribe")
"""Templates that are reference apps."""
_EPILOG = """examples:
  locara init blank my-notes
  locara init chat my-chat --publisher acme --dir ~/apps
  locara init my-vault --template docvault
  locara dev my-chat                       see it at once, in its sandbox

templates:
@TEMPLATES@

The app holds a built page (dist/), its TypeScript (src/), the SDK (vendor/locara-sdk/), tests/ and test/.
Building it again needs Node 22.18 and neither an install nor a network (docvault, transcribe: `npm ci` first).
""".replace("@TEMPLATES@", "\n".join(f"  {name:10}  {words}" for name, words in TEMPLATES.items()))
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_HERE: Final = Path(__file__).resolve().parents[1] / "templates"
_SDK: Final = Path(__file__).resolve().parents[1] / "js/sdk"
_APPS_HOME: Final = Path(__file__).resolve().parents[2] / "apps"
_DOCUMENTS: Final = "../../../fixtures/documents/"
_NOT_COPIED: Final = ("node_modules", "build", ".locara", "__pycache__")
_FILLED: Final = ("README.md", "index.html")


class InitError(LocaraError):
    """The app cannot be made. Codes: `exists`, `not_built`, `io_error`."""

    code = "exists"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TEMPLATE, NAME, --template, --dir, --publisher."""
    parser.epilog = _EPILOG
    parser.usage = "locara init [-h] [--dir DIR] [--publisher WHO] (TEMPLATE NAME | NAME --template TEMPLATE)"
    parser.add_argument(
        "words",
        metavar="TEMPLATE NAME",
        nargs="+",
        help=f"{', '.join(TEMPLATES)}; and the name of the app: lower case, digits and -",
    )
    parser.add_argument("--template", metavar="TEMPLATE", help="the template, where only a NAME is given")
    parser.add_argument(
        "--dir", metavar="DIR", type=Path, default=Path(), help="make it in this folder (default: here)"
    )
    parser.add_argument(
        "--publisher", metavar="WHO", default="example", help="who publishes it (default: example)"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the app is there, complete and valid; otherwise nothing of it is."""
    template, name = _words(args)
    if template not in TEMPLATES:
        raise UsageError(
            f"there is no template {template!r}",
            fix=closest(template, tuple(TEMPLATES), f"templates: {', '.join(TEMPLATES)}"),
        )
    for what, value in (("name", name), ("publisher", args.publisher)):
        if not _NAME.fullmatch(value):
            raise UsageError(
                f"{value!r} is not a {what} of an app", fix="1 to 64 of a-z, 0-9 and -, not - at an end"
            )
    target = args.dir / name
    if target.exists() or target.is_symlink():
        raise InitError(f"{target} is there already", fix="choose another name, or --dir")
    _make(template, name, args.publisher, target)
    _say(target, template)
    return Exit.PASSED


def _words(args: argparse.Namespace) -> tuple[str, str]:
    """Template and name, however they were given."""
    match args.words, args.template:
        case [name], str(template):
            return template, name
        case [template, name], None:
            return template, name
    raise UsageError(
        "init takes a TEMPLATE and a NAME", fix=f"locara init blank my-app; templates: {', '.join(TEMPLATES)}"
    )


def _make(template: str, name: str, publisher: str, target: Path) -> None:
    """Make the app beside its place and move it there when it is whole."""
    from tempfile import mkdtemp

    from locara.runtime.app import AppBundle

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(mkdtemp(prefix=f".{name}.", dir=target.parent))
        try:
            staged.chmod(0o755)
            _copy(template, staged)
            _fill(staged, name, publisher)
            AppBundle.open(staged)
            staged.rename(target)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
    except OSError as error:
        raise InitError(f"{target} cannot be written: {error.strerror}", code="io_error") from error


def _copy(template: str, folder: Path) -> None:
    built = _SDK / "dist"
    if not (built / "index.js").is_file():
        raise InitError(
            "the SDK is not built", code="not_built", fix="run ./dev setup, or node locara/js/setup.mjs"
        )
    if template in _APPS:
        _copy_app(template, folder)
    else:
        for part in ("common", template):
            _copy_tree(_HERE / part, folder)
        (folder / "gitignore").rename(folder / ".gitignore")
        (folder / "page").rename(folder / "dist")
        _copy_tree(folder / "static", folder / "dist")
        (folder / "dist/locara-sdk").mkdir()
        for file in built.glob("*.js"):
            shutil.copyfile(file, folder / "dist/locara-sdk" / file.name)
    vendor = folder / "vendor/locara-sdk"
    (vendor / "dist").mkdir(parents=True)
    shutil.copyfile(_SDK / "package.json", vendor / "package.json")
    for file in [*built.glob("*.js"), *built.glob("*.d.ts")]:
        shutil.copyfile(file, vendor / "dist" / file.name)


def _copy_app(name: str, folder: Path) -> None:
    app = _APPS_HOME / name
    if not (app / "locara.json").is_file():
        raise InitError(
            f"the template {name} is only in a clone of Locara",
            code="not_built",
            fix="use blank or chat, or start from a clone",
        )
    if not (app / "dist/index.html").is_file():
        raise InitError(f"apps/{name} is not built", code="not_built", fix="run ./dev setup")
    _copy_tree(app, folder)
    for suite in (folder / "tests").glob("*.ts"):  # runs by what a clone has installed (./dev tox run -e js)
        suite.unlink()
    for file in ("package.json", "package-lock.json"):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace("../../locara/js/sdk", "vendor/locara-sdk"), encoding="utf-8")
    _bring_documents(folder / "test")
    shutil.copyfile(_HERE / name / "README.md", folder / "README.md")


def _bring_documents(tests: Path) -> None:
    """What the app's own tests read beside it in a clone comes along."""
    needed = False
    for file in tests.glob("*.ts"):
        text = file.read_text(encoding="utf-8")
        if _DOCUMENTS in text:
            needed = True
            file.write_text(text.replace(_DOCUMENTS, "./documents/"), encoding="utf-8")
    if needed:
        left = shutil.ignore_patterns("odd-names", "generate.py", "expected.json", ".gitattributes")
        shutil.copytree(_APPS_HOME.parent / "fixtures/documents", tests / "documents", ignore=left)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(
        source,
        target,
        dirs_exist_ok=True,
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns(*_NOT_COPIED),
    )


def _fill(folder: Path, name: str, publisher: str) -> None:
    """The app's own name where the template has a general one."""
    title = name.replace("-", " ").strip().capitalize()[:40].strip()
    values = {"name": name, "publisher": publisher, "displayName": title}
    manifest = folder / "locara.json"
    text = manifest.read_text(encoding="utf-8")
    for key, value in values.items():
        text = re.sub(rf'(?m)^  "{key}": "[^"]*"', f'  "{key}": {json.dumps(value)}', text, count=1)
    manifest.write_text(text, encoding="utf-8")
    package = folder / "package.json"
    text = package.read_text(encoding="utf-8")
    package.write_text(
        re.sub(r'(?m)^  "name": "[^"]*"', f'  "name": "{name}"', text, count=1), encoding="utf-8"
    )
    for place in (folder, folder / "static", folder / "dist"):
        for file in (place / one for one in _FILLED):
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace("{{title}}", title), encoding="utf-8")


def _say(target: Path, template: str) -> None:
    from locara.models.cache import ModelCache, default_root
    from locara.runtime.app import AppBundle

    grants, cache = AppBundle.open(target).grants, ModelCache(default_root())
    print(f"{bold(printable(str(target)))}: {grants.app_id}, from the template {template}\n")
    absent = [name for name, digest in grants.models.items() if cache.blob(digest) is None]
    for name in absent:
        print(
            f"  its model {name} is not on this machine yet: `locara models pull`, or in a clone ./dev setup"
        )
    if template in _APPS:
        print(printable(f"  cd {target} && npm ci      the packages that its build and its tests need"))
    for line in (
        f"locara dev {target}          see it, in its sandbox",
        f"locara test {target}         its tests, against the real runtime",
        f"locara verify {target}       attack it",
    ):
        print(printable(f"  {line}"))
