"""From an exception to the error object of a reply: a closed list of codes, and never a path or a traceback.

What went wrong inside the runtime itself is `internal` to the app. The details go to the runtime's own log,
and even there without the exception's text, because that text can hold what the person typed or stored.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from locara.errors import (
    IPC_CODES,
    AuditError,
    CapabilityDenied,
    InferenceError,
    LocaraError,
    ModelError,
    StorageError,
    ToolError,
)
from locara.storage.faults import ipc_code

if TYPE_CHECKING:
    from pydantic_core import ValidationError

_FAMILIES: Final[tuple[tuple[type[LocaraError], str], ...]] = (
    (InferenceError, "model_error"),
    (ModelError, "model_error"),
    (AuditError, "io_error"),
)
_TOOL_MISSING: Final = frozenset({"not_cached", "digest_mismatch", "bad_format"})
_MODEL_MISSING: Final = frozenset({"not_cached", "unknown_model"})
_MAX_PROBLEMS: Final = 5


def error_object(error: BaseException) -> dict[str, Any]:
    """The `error` member of a reply: code, message and, where known, capability, because and fix."""
    if isinstance(error, CapabilityDenied):
        return {
            "code": "capability_denied",
            "message": error.message,
            "capability": error.capability,
            "because": error.because,
            "fix": error.fix,
        }
    if isinstance(error, LocaraError):
        reply: dict[str, Any] = {"code": _code(error), "message": error.message}
        for key in ("capability", "because", "fix"):
            value = getattr(error, key, None)
            if value:
                reply[key] = value
        return reply
    from pydantic_core import ValidationError  # noqa: PLC0415 - slow to load; it is there once a call was judged

    if isinstance(error, ValidationError):
        return {"code": "bad_request", "message": _problems(error)}
    log_internal(error)
    return {"code": "internal", "message": "the runtime failed at this call; its log has the details"}


def _code(error: LocaraError) -> str:
    if error.code in IPC_CODES:
        return error.code
    if isinstance(error, StorageError):
        return ipc_code(error)
    if isinstance(error, ModelError) and error.code in _MODEL_MISSING:
        return "model_unavailable"
    if isinstance(error, ToolError):
        return "tool_unavailable" if error.code in _TOOL_MISSING else "tool_error"
    return next((code for family, code in _FAMILIES if isinstance(error, family)), "internal")


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # A name that the caller made up is not repeated; names of known fields and indices are.
    lines = []
    for problem in found[:_MAX_PROBLEMS]:
        unknown = problem["type"] == "extra_forbidden"
        where = ".".join(str(part)[:40] for part in (problem["loc"][:-1] if unknown else problem["loc"]))
        what = "an argument that this command does not have" if unknown else problem["msg"]
        lines.append(f"{where}: {what}" if where else what)
    if len(found) > _MAX_PROBLEMS:
        lines.append(f"and {len(found) - _MAX_PROBLEMS} more")
    return "; ".join(lines)


def log_internal(error: BaseException) -> None:
    """Write the type and the place of an unexpected error to the runtime's log, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    print(f"locara: internal error {type(error).__name__} at {places}", file=sys.stderr, flush=True)
