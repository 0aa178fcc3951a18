"""The tools one app pins: their files inside the sandbox, and the host that loads them on first use."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.core.grant import Grants
from locara.errors import CallError
from locara.runtime.app_home import AppHome
from locara.sandbox.profile import SCRATCH

if TYPE_CHECKING:
    from locara.tools.host import Answer, ToolHost
    from locara.tools.manifest import Tool

COMPILED: Final = "tmp/tools"


class LoadedTools:
    """Answers by the name or pin a manifest gives. Callers have asked the gate before."""

    def __init__(self, grants: Grants, folder: Path, home: AppHome) -> None:
        self._grants = grants
        self._folder = folder
        self._home = home
        self._host: ToolHost | None = None
        self._tools: dict[str, tuple[Tool, bytes]] = {}

    def tool(self, name: str) -> Tool:
        """The pinned tool, with its bytes checked once. Raises ToolError."""
        from locara.tools.cache import load_tool  # noqa: PLC0415 - only an app that uses a tool pays for it

        plain, at, digest = name.partition("@")
        pinned = self._grants.tools.get(plain)
        if pinned is None or (at and str(pinned) != digest):
            raise CallError("the manifest does not pin this tool", code="tool_unavailable")
        found = self._tools.get(pinned.hex)
        if found is None:
            found = self._tools[pinned.hex] = load_tool(self._folder / pinned.hex, pinned)
        return found[0]

    def invoke(
        self, tool: Tool, value: object, *, rights: Grants, timeout_ms: int | None, cancelled: threading.Event
    ) -> Answer:
        """Run one call of a tool that `tool` gave, with these rights. Raises ToolError."""
        host = self._loaded()
        if not host.is_loaded(tool):
            host.load(tool, self._tools[tool.digest.hex][1])
        return host.invoke(tool, value, rights=rights, timeout_ms=timeout_ms, cancelled=cancelled)

    def _loaded(self) -> ToolHost:
        if self._host is None:
            # Native code is loaded only by an app that uses a tool. One worker calls this, so there is no race.
            from locara.tools.host import Folders, ToolHost  # noqa: PLC0415

            folders = Folders(app_data=self._home.files, scratch=Path(SCRATCH))
            self._host = ToolHost(folders, compiled=self._home.path / COMPILED)
        return self._host

    def close(self) -> None:
        """End the host."""
        if self._host is not None:
            self._host.close()
            self._host = None
