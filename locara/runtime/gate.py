"""The gate: the only place where a Decision becomes an effect allowed or a call refused.

Every command that touches anything outside its own arguments asks here first. The decision is appended to the
audit log, and only when that write succeeded does `require` return. Whatever goes wrong in between refuses.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final, NoReturn, get_args

from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.request import Request
from locara.errors import CapabilityDenied
from locara.runtime.audit import AuditLog
from locara.runtime.standing import Asleep

_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in get_args(Request)}
_UNKNOWN_FIX: Final = "ask for something the manifest declares"


class Gate:
    """Decides requests of one app against its Grants and records every answer."""

    def __init__(self, grants: Grants, audit: AuditLog, *, asleep: Asleep | None = None) -> None:
        self._grants = grants
        self._audit = audit
        self._asleep = asleep or Asleep()
        # A kind is granted once, so what allows one request of a kind is what allows any other of it.
        self._allowing: dict[str, str] = {}

    @property
    def grants(self) -> Grants:
        """The Grants this gate holds to."""
        return self._grants

    def require(self, request: Request, *, cmd: str = "") -> None:
        """Return when the request is granted and recorded. Raises CapabilityDenied, or AuditError if
        unrecordable."""
        decision = decide(self._grants, request)
        kind = decision.capability
        if decision.allowed:
            because = self._allowing.get(kind)
            if because is None:
                because = self._allowing[kind] = decision.because
            self._audit.append(cmd or kind, kind, describe(request), allowed=True, because=because)
            return
        because, fix = self._asleep.of(request) or (decision.because, decision.fix)
        self._audit.append(cmd or kind, kind, describe(request), allowed=False, because=because)
        raise CapabilityDenied(
            f"{cmd or kind} was denied: {because}", capability=kind, because=because, fix=fix
        )

    def refuse(self, request: Request, *, cmd: str, because: str, fix: str = _UNKNOWN_FIX) -> NoReturn:
        """Record and raise a denial that only the effect could find: a link in the path, a handle that is
        gone."""
        kind = str(request.kind)
        self._audit.append(cmd, kind, describe(request), allowed=False, because=because)
        raise CapabilityDenied(f"{cmd} was denied: {because}", capability=kind, because=because, fix=fix)

    def record_use(self, cmd: str, *, capability: str, because: str) -> None:
        """Record the use of something that has no object to decide about, before it happens. Raises AuditError."""
        self._audit.append(cmd, capability, {}, allowed=True, because=because)

    def record_refusal(self, cmd: str, *, capability: str, because: str) -> None:
        """Record a refusal that no manifest line could lift: an absent command, SQL that leaves its
        database."""
        self._audit.append(cmd, capability, {}, allowed=False, because=because)


def describe(request: Request) -> dict[str, object]:
    """The request's own fields, as the audit log keeps them."""
    return {name: getattr(request, name) for name in _FIELDS[type(request)]}
