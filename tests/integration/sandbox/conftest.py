"""Small apps and small programs, run in the real sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.sandbox.launcher import LaunchPlan, LaunchSpec, Payload, Services, build_plan, start


def grants_of(capabilities: dict[str, Any]) -> Grants:
    document = {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "test",
        "version": "1.0.0",
        "displayName": "Probe",
        "description": "An app for tests.",
        "license": "MIT",
        "author": {"name": "T", "email": "t@example.com"},
        "icon": "icon.png",
        "screenshots": ["s.png"],
        "category": "developer",
        "modalities": [],
        "capabilities": capabilities,
    }
    return compile_grants(parse_manifest(json.dumps(document).encode()))


def open_descriptors() -> set[str]:
    """The descriptors of this process; the listing's own comes and goes."""
    return {path.name for path in Path("/proc/self/fd").iterdir() if path.exists() or path.is_symlink()}


class Box:
    """An app folder, a data folder, and programs to run as the payload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = folder / "app"
        self.data = folder / "data"
        self.secret = folder / "secret.txt"
        (self.app / "dist").mkdir(parents=True)
        (self.app / "dist" / "page.html").write_text("page", "utf-8")
        (self.app / "locara.json").write_text("{}", "utf-8")
        (folder / "boxed").mkdir()
        (folder / "boxed" / "__init__.py").touch()
        self.secret.write_text("SECRET", "utf-8")
        self.secret.chmod(0o644)

    def plan(self, code: str = "", *, grants: Grants | None = None, **spec: Any) -> LaunchPlan:
        (self.folder / "boxed" / "payload.py").write_text(code, "utf-8")
        base = LaunchSpec(
            grants or Grants.none(),
            self.app / "locara.json",
            self.app,
            self.data,
            Payload("boxed.payload"),
            extra_read_only=(self.folder / "boxed",),
        )
        return build_plan(replace(base, **spec))

    def run(self, plan: LaunchPlan, services: Services | None = None) -> str:
        """The payload's output; its error output when it failed."""
        with start(plan, stdout=subprocess.PIPE, stderr=subprocess.PIPE, services=services) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            output, said = process.stdout.read(), process.stderr.read()
            assert process.wait(60) == 0, said.decode()
        return output.decode()

    def say(self, expression: str, **plan: Any) -> Any:
        """The JSON value of an expression, computed inside."""
        code = f"import json, os, socket, sys\nprint(json.dumps({expression}))\n"
        return json.loads(self.run(self.plan(code, **plan)))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture(scope="session")
def grant() -> Callable[[dict[str, Any]], Grants]:
    return grants_of
