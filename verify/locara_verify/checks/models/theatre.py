"""The app that puppets play in: the target's manifest with models and tools of the check's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import CallError, CapabilityDenied
from locara.records import dataclass
from locara_verify.checks.models.probe import CALL_SECONDS, CHAT, Tally
from locara_verify.checks.tools.modules import Made
from locara_verify.checks.tools.stage import fill
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client

PUPPET: Final = "puppet"
MARKERS: Final = "tools <tool_call></tool_call> <tool_response></tool_response> <think></think>"


@dataclass(frozen=True, slots=True)
class Said:
    """How one llm.chat ended: `code` is "ok" or the error's; the events and the result of an ok call."""

    code: str
    message: str = ""
    fix: str = ""
    events: tuple[Mapping[str, Any], ...] = ()
    result: Mapping[str, Any] = ()  # type: ignore[assignment]

    @property
    def content(self) -> str:
        """What was said, "" for a call that failed."""
        return str(self.result["content"]) if self.code == "ok" else ""

    @property
    def tokens(self) -> int:
        """Tokens of the prompt, 0 for a call that failed."""
        return int(self.result["usage"]["inputTokens"]) if self.code == "ok" else 0


@dataclass(frozen=True, slots=True)
class Theatre:
    """A running app with puppets for models."""

    client: Client
    tally: Tally

    def ask(self, text: str, *, model: str = PUPPET, **more: JSON) -> Said:
        """One user message, streamed; counts an attack."""
        return self.talk([{"role": "user", "content": text}], model=model, **more)

    def talk(self, messages: list[JSON], *, model: str = PUPPET, **more: JSON) -> Said:
        """One conversation, streamed; counts an attack."""
        from locara.runtime.client import ConnectionLost  # noqa: PLC0415 - loads the framework

        self.tally.attacks += 1
        args: dict[str, JSON] = {"model": model, "messages": messages, "stream": True, **more}
        try:
            stream = self.client.stream("llm.chat", args, timeout=CALL_SECONDS)
            events = tuple(stream)
            return Said("ok", events=events, result=stream.result)
        except ConnectionLost:
            raise
        except CapabilityDenied as error:
            return Said("capability_denied", error.message, error.fix)
        except CallError as error:
            return Said(error.code, error.message, error.fix or "")

    def log(self, limit: int = 200) -> list[Mapping[str, Any]]:
        """The newest entries of the audit log."""
        return list(
            self.client.call("audit.capabilityLog", {"limit": limit}, timeout=CALL_SECONDS)["entries"]
        )


def shelve(folder: Path, models: Mapping[str, bytes]) -> dict[str, str]:
    """Put models into a cache folder; returns their pins by id."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework

    pins = {}
    for name, data in models.items():
        digest = Digest.of(data)
        target = folder / digest.hex / "model.gguf"
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # what a check has put there stays
            target.write_bytes(data)
        pins[name] = f"{name}@{digest}"
    return pins


@contextmanager
def theatre(
    ctx: Context,
    tally: Tally,
    models: Mapping[str, bytes],
    *,
    tools: Sequence[Made] = (),
    pinned: Sequence[Made] | None = None,
    modalities: Sequence[str] = (CHAT,),
    shelf: Path | None = None,
) -> Iterator[Theatre]:
    """The app with these models; `tools` lie in its cache, and `pinned` (default: all) in its manifest.

    `shelf` is the model cache, when the check wants to change it while the app runs.
    """
    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework
    from locara.tools.cache import ToolCache  # noqa: PLC0415 - loads the framework

    shelf = shelf or ctx.fresh_dir("shelf")
    pins = shelve(shelf, models)
    tool_folder = ctx.fresh_dir("tools")
    fill(tool_folder, tools)
    declared = tools if pinned is None else pinned

    def edit(document: dict[str, Any]) -> None:
        for part in ("profiles", "tooling"):
            document.pop(part, None)
        document["modalities"] = list(modalities)
        document["capabilities"] = {"models": list(pins.values()), "tools": [tool.pin for tool in declared]}

    app = ctx.variant("theatre", edit)
    with ctx.open_app(app, cache=ModelCache(shelf), tools=ToolCache(tool_folder)) as running:
        yield Theatre(running.client, tally)
