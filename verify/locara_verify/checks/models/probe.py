"""What the model checks share: which pinned model does what, one call, and the count of what was seen."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import CallError, CapabilityDenied, ModelError
from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.runtime.client import Client

CHAT: Final = "text-to-text"
THINKING: Final = "text-to-text-thinking"
EMBED: Final = "text-to-embedding"
SPEECH: Final = "speech-to-text"
MOST_FINDINGS: Final = 8
CALL_SECONDS: Final = 120.0


@dataclass(slots=True)
class Tally:
    """What one check did and found."""

    attempts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    inconclusive: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    attacks: int = 0

    def expect(self, rule: str, holds: bool, message: str, because: str = "", **evidence: JSON) -> bool:
        """Count one attempt at a rule, and a finding when it does not hold; returns whether it holds."""
        self.attempts[rule] = self.attempts.get(rule, 0) + 1
        # Counted by rule: the findings of one must not crowd out those of another.
        if not holds and sum(found.rule_id == rule for found in self.findings) < MOST_FINDINGS:
            # No case of its own to replay: the models are the state, so the whole check runs again with its seed.
            self.findings.append(Finding(rule, message, because, evidence=evidence))
        return holds

    def undecided(self, rule: str, why: str) -> None:
        """Say that a rule could not be judged; the first reason counts."""
        self.inconclusive.setdefault(rule, why)

    def result(self, bench: Mapping[str, JSON] | None = None) -> CheckResult:
        """The result for the engine; a rule with a finding is decided."""
        failed = {finding.rule_id for finding in self.findings}
        return CheckResult(
            findings=tuple(self.findings),
            attempts=self.attempts,
            attacks=self.attacks,
            inconclusive={rule: why for rule, why in self.inconclusive.items() if rule not in failed},
            bench=bench or {},
            notes=tuple(self.notes),
        )


def pins_models(target: Target) -> str | None:
    """Applies to apps that pin at least one model."""
    return None if target.grants.models else "the app declares no models"


def reads(target: Target) -> str | None:
    """Applies to apps that give text to a model."""
    reason = pins_models(target)
    return reason or (
        None if target.grants.modalities & {CHAT, THINKING, EMBED} else "no model of the app reads text"
    )


def talks(target: Target) -> str | None:
    """Applies to apps that may chat."""
    reason = pins_models(target)
    return reason or (
        None if target.grants.modalities & {CHAT, THINKING} else "the app declares no text-to-text"
    )


@dataclass(frozen=True, slots=True)
class Roles:
    """The first pinned model of each kind, by its id in the manifest."""

    chat: str | None
    embed: str | None


def roles(ctx: Context) -> Roles:
    """Tell chat from embedding models by their headers: only the latter say how they pool.

    Raises ModelError when a pinned model is missing or its header cannot be read.
    """
    from locara.inference.gguf import read_header  # noqa: PLC0415 - loads the framework

    found: dict[str, str] = {}
    for name, digest in ctx.grants.models.items():
        path = blob(ctx, digest)
        if is_speech_model(path):
            continue
        with path.open("rb") as file:
            keys = () if is_safetensors(path) else tuple(read_header(file, path.stat().st_size).metadata)
        kind = EMBED if any(key.endswith(".pooling_type") for key in keys) else CHAT
        found.setdefault(kind, name)
    modalities = {CHAT if name == THINKING else name for name in ctx.grants.modalities}
    return Roles(*(found.get(kind) if kind in modalities else None for kind in (CHAT, EMBED)))


def is_speech_model(path: Path) -> bool:
    """Whether a model file is of the whisper family, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4) == b"lmgg"


def is_safetensors(path: Path) -> bool:
    """Whether a model file is in the format of the MLX backend, which chats, by its first bytes."""
    from locara.inference.safetensors_file import is_safetensors as begins  # noqa: PLC0415 - loads the framework

    with path.open("rb") as file:
        return begins(file.read(9))


def blob(ctx: Context, digest: Digest) -> Path:
    """The cached file of a pinned model; raises ModelError `not_cached`."""
    path = ctx.model_cache.blob(digest)
    if path is None:
        raise ModelError(
            f"the model {digest} is not in the cache",
            code="not_cached",
            fix="run ./dev, or `locara models import`",
        )
    return path


def chat(client: Client, model: str, text: str, **args: JSON) -> dict[str, Any]:
    """The result of one llm.chat call with a single user message."""
    messages: JSON = [{"role": "user", "content": text}]
    found = client.call("llm.chat", {"model": model, "messages": messages, **args}, timeout=CALL_SECONDS)
    return dict(found)


def refusal(client: Client, command: str, args: Mapping[str, JSON]) -> tuple[str, str]:
    """The code and message a call is refused with, or ("ok", "") when it is answered."""
    try:
        client.call(command, args, timeout=CALL_SECONDS)
    except CapabilityDenied as error:
        return "capability_denied", error.message
    except CallError as error:
        return error.code, error.message
    return "ok", ""


def why_refused(read: Callable[[io.BytesIO, int], object], data: bytes) -> str | None:
    """Why a reader of headers refuses a file; None when it accepts it or fails in another way than by its own
    error, which is no refusal."""
    try:
        read(io.BytesIO(data), len(data))
    except ModelError as error:
        return error.message
    except Exception:
        return None
    return None


@contextmanager
def survives(tally: Tally, rule: str, client: Client) -> Iterator[None]:
    """After the block, the app must still answer; a runtime that is gone is a finding of the rule."""
    from locara.runtime.client import ConnectionLost  # noqa: PLC0415 - loads the framework

    try:
        yield
        client.call("app.info", timeout=CALL_SECONDS)
    except ConnectionLost as error:
        tally.expect(rule, False, "the runtime ended during the check", error.message)
    except TimeoutError:
        tally.expect(rule, False, "the runtime stopped answering during the check")
