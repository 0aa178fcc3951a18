"""The error tree of Locara.

Every error the product raises on purpose is a `LocaraError`. It carries a short, stable ``code`` out of the
closed list of its family and can explain itself with `LocaraError.diagnostics`; no traceback is ever needed
to act on one.

    LocaraError
      ManifestError        locara.json is not a manifest; every problem with its line
      CapabilityDenied     the app asked for a power its manifest does not declare
      CallError            any other error reply of an IPC call
      ModelError ToolError StorageError InferenceError SandboxError AuditError UsageError
      TrustError           an attestation, a log, a list was refused; its reasons are in locara/trust/refusal.py
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from locara.records import dataclass

IPC_CODES: Final = frozenset(
    {
        "unknown_command",
        "capability_denied",
        "bad_request",
        "bad_frame",
        "too_large",
        "busy",
        "cancelled",
        "not_found",
        "exists",
        "io_error",
        "model_unavailable",
        "model_error",
        "tool_unavailable",
        "tool_error",
        "program_unavailable",
        "context_overflow",
        "device_unavailable",
        "storage_error",
        "quota_exceeded",
        "limit_exceeded",
        "internal",
    }
)

MANIFEST_CODES: Final = frozenset(
    {
        "json_syntax",
        "json_duplicate_key",
        "json_bom",
        "json_nul",
        "json_number",
        "json_surrogate",
        "json_too_large",
        "json_too_deep",
        "json_not_utf8",
        "unknown_key",
        "missing_key",
        "wrong_type",
        "bad_value",
        "unsupported",
    }
)

MODEL_CODES: Final = frozenset(
    {
        "not_cached",
        "digest_mismatch",
        "not_declared",
        "bad_format",
        "disk_full",
        "unknown_model",
        "bad_address",
        "unreachable",
    }
)

TOOL_CODES: Final = frozenset(
    {
        "tool_error",
        "not_cached",
        "digest_mismatch",
        "bad_format",
        "bad_request",
        "limit_exceeded",
        "cancelled",
        "disk_full",
    }
)

SANDBOX_CODES: Final = frozenset(
    {
        "no_display",
        "window_missing",
        "layer_missing",
        "bwrap_missing",
        "userns_denied",
        "landlock_unsupported",
        "readback_failed",
        "launch_failed",
    }
)

STORAGE_CODES: Final = frozenset(
    {
        "storage_error",
        "sql_denied",
        "sql_failed",
        "bad_statement",
        "bad_value",
        "constraint",
        "unsupported",
        "limit_exceeded",
        "quota_exceeded",
        "busy",
        "closed",
        "corrupt",
        "io_error",
        "migration_changed",
        "migration_failed",
    }
)

INFERENCE_CODES: Final = frozenset({"model_error", "bad_request", "context_overflow", "cancelled"})

AUDIT_CODES: Final = frozenset({"audit_error", "unreadable", "broken_chain", "write_failed", "in_use"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document: what, where (JSON pointer, line and column), what to do."""

    code: str
    message: str
    pointer: str
    line: int
    column: int
    fix: str | None = None


class LocaraError(Exception):
    """Base of every deliberate error. ``code`` is a short snake_case string from the family's closed list."""

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        if code is not None:
            self.code = code

    def diagnostics(self) -> str:
        """The text for a person: what happened, then what to do about it."""
        return f"{self.message}\nhelp: {self.fix}" if self.fix else self.message


class ManifestError(LocaraError):
    """``locara.json`` was refused; ``problems`` lists every reason, in the order of the file."""

    code = "bad_value"

    def __init__(self, problems: Iterable[Problem], *, source: str = "locara.json") -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.source = source
        if not self.problems:
            raise ValueError("a ManifestError needs at least one problem")
        first = self.problems[0]
        more = len(self.problems) - 1
        tail = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
        place = f"{source}:{first.line}:{first.column}"
        super().__init__(f"{place}: {first.message}{tail}", code=first.code, fix=first.fix)

    def diagnostics(self) -> str:
        """One line per problem as ``file:line:column: message [code]``, each followed by its help line."""
        lines: list[str] = []
        for problem in self.problems:
            lines.append(f"{self.source}:{problem.line}:{problem.column}: {problem.message} [{problem.code}]")
            if problem.fix:
                lines.append(f"  help: {problem.fix}")
        return "\n".join(lines)


class CapabilityDenied(LocaraError):
    """The manifest does not grant it; ``because`` says what is missing, ``fix`` the line to add."""

    code = "capability_denied"
    fix: str

    def __init__(self, message: str | None = None, *, capability: str, because: str, fix: str = "") -> None:
        super().__init__(message or f"{capability} denied: {because}", fix=fix)
        self.capability = capability
        self.because = because
        self.fix = fix


class CallError(LocaraError):
    """An IPC call failed for another reason than a missing capability; ``code`` is one of `IPC_CODES`.

    ``capability`` and ``because`` are filled where the reply named them (an absent command names the
    capability which would open it). A code outside the closed list raises ``ValueError``: it never travels.
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fix: str | None = None,
        capability: str | None = None,
        because: str | None = None,
    ) -> None:
        if code is not None and code not in IPC_CODES:
            raise ValueError("not a code of the closed list errors.IPC_CODES")
        super().__init__(message, code=code, fix=fix)
        self.capability = capability
        self.because = because


class ModelError(LocaraError):
    """A model could not be found, trusted or kept; ``code`` is one of `MODEL_CODES`."""

    code = "bad_format"


class ToolError(LocaraError):
    """A tool could not be found, trusted or run, or it failed; ``code`` is one of `TOOL_CODES`."""

    code = "tool_error"


class StorageError(LocaraError):
    """The app's store refused or failed; ``code`` is one of `STORAGE_CODES`."""

    code = "storage_error"


class InferenceError(LocaraError):
    """A loaded model could not answer; ``code`` is one of `INFERENCE_CODES`."""

    code = "model_error"


class SandboxError(LocaraError):
    """A layer of the sandbox is missing or did not hold at start; ``code`` is one of `SANDBOX_CODES`."""

    code = "launch_failed"


class AuditError(LocaraError):
    """The audit log cannot be trusted or written; nothing may happen until it can. See `AUDIT_CODES`."""

    code = "audit_error"


class UsageError(LocaraError):
    """The command line or a call of the library was used wrongly."""

    code = "usage"
