"""The app under test, and sessions of it: the real runtime in its real sandbox, with fresh data."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import UsageError
from locara.records import dataclass

if TYPE_CHECKING:
    from locara.core.grant import Grants
    from locara.core.manifest import Manifest
    from locara.runtime.client import Client
    from locara.runtime.launch import RunningApp
    from locara.sandbox.proxy import Resolver

MANIFEST: Final = "locara.json"
VARIABLE: Final = "LOCARA_APP"


def find_app(named: str | None, start: Path) -> Path:
    """The folder of the app: as named, as LOCARA_APP says, else ``start`` or the nearest folder above it.

    Raises UsageError with the way out.
    """
    for text, origin in ((named, "--locara-app"), (os.environ.get(VARIABLE), VARIABLE)):
        if text:
            if not (Path(text) / MANIFEST).is_file():
                raise UsageError(
                    f"{origin} names {text}, which holds no {MANIFEST}", fix="name the folder of an app"
                )
            return Path(text).resolve()
    for folder in (start, *start.parents):
        if (folder / MANIFEST).is_file():
            return folder.resolve()
    raise UsageError(
        f"no app was found: neither {start} nor a folder above it holds a {MANIFEST}",
        fix="pytest --locara-app PATH",
    )


@dataclass(frozen=True, slots=True)
class App:
    """The app under test: its folder, its manifest, and what that grants."""

    path: Path
    manifest: Manifest
    grants: Grants

    @classmethod
    def open(cls, path: Path) -> App:
        """Read the manifest. Raises ManifestError and BundleError, each with its place and its fix."""
        from locara.runtime.app import AppBundle  # noqa: PLC0415 - the plugin loads at once

        bundle = AppBundle.open(path)
        return cls(bundle.path.resolve(), bundle.manifest, bundle.grants)

    @property
    def commands(self) -> frozenset[str]:
        """The commands that its page can call; any other does not exist for it."""
        from locara.core.surface import command_table  # noqa: PLC0415 - as above

        return frozenset(command_table(self.grants))

    def with_grants(self, grants: Mapping[str, Any], folder: Path) -> App:
        """A copy of the app in ``folder`` with ``grants`` over its ``capabilities``; a value of None takes one away.

        Raises ManifestError when the result is not valid.
        """
        __tracebackhide__ = True
        document = json.loads((self.path / MANIFEST).read_bytes())
        merged = {**document.get("capabilities", {}), **grants}
        document["capabilities"] = {key: value for key, value in merged.items() if value is not None}
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        for part in ("db", self.manifest.build.out):
            if (self.path / part).is_dir():
                shutil.copytree(self.path / part, folder / part, symlinks=True)
        return App.open(folder)


@dataclass(slots=True)
class Session:
    """A running app. ``said`` holds every reply as text, so that canaries can be looked for in it."""

    app: App
    running: RunningApp
    said: list[bytes] = field(default_factory=list)

    @property
    def client(self) -> Client:
        """The connection itself, for streams and for frames by hand."""
        return self.running.client

    @property
    def data(self) -> Path:
        """The app's own data folder, seen from outside."""
        return self.running.home.path

    def call(self, command: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - the command says what it takes
        """Call a command as the page does. Raises CapabilityDenied or CallError."""
        from locara.errors import LocaraError  # noqa: PLC0415 - the plugin loads at once

        try:
            result = self.client.call(command, arguments)
        except LocaraError as error:
            members = [
                getattr(error, name, None) for name in ("code", "message", "capability", "because", "fix")
            ]
            self.said.append("\n".join(filter(None, members)).encode("utf-8", "backslashreplace"))
            raise
        self.said.append(json.dumps(result, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return result


@dataclass(slots=True)
class Sessions:
    """Opens sessions of one app below ``folder`` and ends them all. It is what ``locara_session`` gives."""

    app: App
    folder: Path
    opened: list[Session] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __call__(
        self,
        grants: Mapping[str, Any] | None = None,
        *,
        picks: Sequence[Sequence[Path]] = (),
        folders: Mapping[str, Path] | None = None,
        resolver: Resolver | None = None,
        cache: Path | None = None,
    ) -> Session:
        """Start the app, as it is or with ``grants`` over its ``capabilities`` (None takes one away).

        ``picks`` are the answers of the person to each ``fs.pick``, in order; after the last one they cancel.
        ``folders`` stand for the person's own (documents, downloads, …), ``resolver`` for name resolution, ``cache``
        for the folder of models. Consent is given. Raises SandboxError when this host lacks a layer and
        ModelError when a pinned model is not there.
        """
        __tracebackhide__ = True
        from locara.models.cache import ModelCache, default_root  # noqa: PLC0415 - as above
        from locara.runtime.app import AppBundle  # noqa: PLC0415
        from locara.runtime.consent import StatedConsent  # noqa: PLC0415
        from locara.runtime.launch import start  # noqa: PLC0415
        from locara.sandbox.picker import ScriptedPicker  # noqa: PLC0415

        place = self.folder / f"session-{len(self.opened)}"
        place.mkdir(parents=True)
        app = self.app if grants is None else self.app.with_grants(grants, place / "app")
        for path in (*(path for answer in picks for path in answer), *(folders or {}).values()):
            hand_over(path)
        running = self._stack.enter_context(
            start(
                AppBundle.open(app.path),
                home=place / "data",
                cache=ModelCache(cache or default_root()),
                picker=ScriptedPicker(picks),
                user_roots=folders or {},
                state=place / "state",
                consent=StatedConsent(),
                resolver=resolver,
            )
        )
        session = Session(app, running)
        self.opened.append(session)
        return session

    def close(self) -> None:
        """End every session that was opened."""
        self._stack.close()


def hand_over(path: Path) -> None:
    """Give a file or tree to the user the sandbox runs as, where this is another (the superuser drops its rights)."""
    from locara.sandbox.linux.identity import ordinary_identity  # noqa: PLC0415 - as above

    identity = ordinary_identity(os.getuid(), os.environ)
    if identity is None or not path.exists():
        return
    for one in (path, *path.rglob("*")):
        os.chown(one, identity.uid, identity.gid, follow_symlinks=False)


OpenSession = Callable[..., Session]
"""The type of the ``locara_session`` fixture."""
