"""What a check may use: the target, a budget, seeded randomness, a private folder, and the real runtime."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locara.records import dataclass
from locara_verify.budget import Budget
from locara_verify.supply import Supply
from locara_verify.target import MANIFEST, Target

if TYPE_CHECKING:
    from locara.core.grant import Grants
    from locara.models.cache import ModelCache
    from locara.runtime.consent import Consent
    from locara.runtime.launch import RunningApp
    from locara.sandbox.broker import Picker
    from locara.sandbox.desktop.ports import Desktop
    from locara.sandbox.launcher import LaunchPlan
    from locara.sandbox.proxy import Resolver
    from locara.tools.cache import ToolCache

Report = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Context:
    """The read-only world of one check. ``workdir`` is empty at the start and belongs to this check alone.

    ``fixtures`` holds inputs as data. ``cache_root`` is where pinned models are looked up (None: as usual).
    ``supply`` is the bundle that the target came out of, where it did.
    """

    target: Target
    profile: Budget
    seed: int
    workdir: Path
    fixtures: Path
    cache_root: Path | None = None
    strict: bool = False
    supply: Supply | None = None
    report: Report = lambda _done, _total, _note: None

    @property
    def grants(self) -> Grants:
        """What the target's manifest grants."""
        return self.target.grants

    def seed_for(self, name: str) -> int:
        """A 64-bit seed that depends only on the run's seed and ``name``."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{name}".encode()).digest()[:8], "big")

    def rng(self, name: str) -> random.Random:
        """A generator of its own for ``name``; the same in every run with the same seed."""
        return random.Random(self.seed_for(name))  # noqa: S311 - reproducible tests, not secrets

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Say how far the check is."""
        self.report(done, total, note)

    @property
    def model_cache(self) -> ModelCache:
        """The cache that holds the pinned models."""
        from locara.models.cache import ModelCache, default_root  # noqa: PLC0415 - only live checks need it

        return ModelCache(self.cache_root or default_root())

    def fresh_dir(self, name: str) -> Path:
        """A new empty folder below ``workdir`` whose name starts with ``name``."""
        for number in range(1_000_000):
            path = self.workdir / f"{name}-{number}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            return path
        raise FileExistsError(f"too many folders named {name} in {self.workdir}")

    def variant(self, name: str, edit: Callable[[dict[str, Any]], None], *, page: bool = True) -> Path:
        """A copy of the app in a fresh folder whose locara.json was changed in place by ``edit``.

        Only what the runtime reads is copied: manifest, ``db/`` and the built page, which can be hundreds of files and
        is left out where ``page`` is false. The target stays.
        """
        manifest = self.target.manifest
        if manifest is None:
            raise ValueError("a variant needs an app with a valid locara.json")
        document = json.loads(self.target.manifest_bytes)
        edit(document)
        folder = self.fresh_dir(name)
        (folder / MANIFEST).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        for part in ("db", *((manifest.build.out,) if page else ())):
            source = self.target.path / part
            if source.is_dir():
                shutil.copytree(source, folder / part, symlinks=True)
        return folder

    @contextmanager
    def open_app(
        self,
        app: Path | None = None,
        *,
        home: Path | None = None,
        cache: ModelCache | None = None,
        picker: Picker | None = None,
        user_roots: Mapping[str, Path] | None = None,
        state: Path | None = None,
        consent: Consent | None = None,
        resolver: Resolver | None = None,
        clock: float | None = None,
        plan: LaunchPlan | None = None,
        tools: ToolCache | None = None,
        desktop: Desktop | None = None,
        person: Path | None = None,
    ) -> Iterator[RunningApp]:
        """The app, running in its real sandbox with a fresh data folder; it is stopped at the end.

        ``app`` is a folder to run instead of the target (see ``variant``). Whatever is not given is empty: a
        picker that answers "cancelled", no user folders. Without ``consent`` the person agrees, as one who
        installs the app does; ``state`` is where that is kept. ``plan`` replaces the app's own launch plan,
        ``tools`` the person's tool cache; ``desktop`` is where clipboard, devices and the like are, ``person`` the
        home folder of the person.
        Raises ModelError when a pinned model is missing and SandboxError when the host lacks a layer; a check
        that lets them through has its rules reported as inconclusive with the error's own fix.
        """
        from locara.runtime.app import AppBundle  # noqa: PLC0415 - only live checks load the runtime
        from locara.runtime.consent import StatedConsent  # noqa: PLC0415
        from locara.runtime.launch import start  # noqa: PLC0415
        from locara.sandbox.broker import ScriptedPicker  # noqa: PLC0415

        with start(
            AppBundle.open(app or self.target.path),
            home=home or self.fresh_dir("home"),
            cache=cache or self.model_cache,
            picker=picker or ScriptedPicker([]),
            user_roots=user_roots or {},
            state=state or self.fresh_dir("state"),
            consent=consent or StatedConsent(),
            resolver=resolver,
            clock=clock,
            plan=plan,
            tools=tools,
            desktop=desktop,
            person=person,
        ) as running:
            yield running
