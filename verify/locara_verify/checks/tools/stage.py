"""The app that the attacks run in: the target without its models, with tools of the check's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.tools.modules import Made
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

CALL_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended: `code` is "ok" or the error's; output and usage are those of an ok call."""

    code: str
    message: str = ""
    fix: str = ""
    output: object = None
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A running app with tools."""

    app: RunningApp
    tally: Tally
    tools: Path

    def invoke(self, tool: str, value: JSON = None, **more: JSON) -> Answer:
        """Call a tool by its id, and count an attack."""
        from locara.errors import CallError, CapabilityDenied  # noqa: PLC0415 - loads the framework

        self.tally.attacks += 1
        args: dict[str, JSON] = {"tool": tool, "input": value, **more}
        try:
            found = self.app.client.call("tools.invoke", args, timeout=CALL_SECONDS)
        except CapabilityDenied as error:
            return Answer("capability_denied", error.message, error.fix)
        except CallError as error:
            return Answer(error.code, error.message, error.fix or "")
        except TimeoutError:
            return Answer("timeout", f"no answer within {CALL_SECONDS:.0f} s")
        return Answer("ok", output=found["output"], usage=found["usage"])


def fill(folder: Path, tools: Sequence[Made]) -> None:
    """Put tools into a cache, as `locara tools import` would."""
    from locara.tools.cache import ToolCache  # noqa: PLC0415 - loads the framework

    cache = ToolCache(folder)
    for tool in tools:
        cache.add(tool.manifest, tool.wasm)


def variant(
    ctx: Context,
    tools: Sequence[Made],
    granted: Mapping[str, JSON] | None = None,
    tooling: Sequence[str] = (),
) -> Path:
    """The target's manifest with these tools in place of models; `granted` are further capabilities."""

    def edit(document: dict[str, Any]) -> None:
        for part in ("modalities", "profiles", "tooling"):
            document.pop(part, None)
        if tooling:
            document["tooling"] = list(tooling)
        document["capabilities"] = {"tools": [tool.pin for tool in tools], **(granted or {})}

    return ctx.variant("tools", edit)


@contextmanager
def stage(
    ctx: Context,
    tally: Tally,
    tools: Sequence[Made],
    *,
    folder: Path | None = None,
    home: Path | None = None,
    app: Path | None = None,
    granted: Mapping[str, JSON] | None = None,
    tooling: Sequence[str] = (),
) -> Iterator[Stage]:
    """The app, running, with `tools` in its cache (`folder`: as it is) and in its manifest."""
    from locara.tools.cache import ToolCache  # noqa: PLC0415 - loads the framework

    cache = folder or ctx.fresh_dir("cache")
    if folder is None:
        fill(cache, tools)
    where = app or variant(ctx, tools, granted, tooling)
    with ctx.open_app(where, home=home, tools=ToolCache(cache)) as running:
        yield Stage(running, tally, cache)
