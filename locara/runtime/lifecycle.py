"""May this version start, and with which of its powers?

The order is fixed: the revocation list, then the person's answer, then the sandbox. Everything here happens
outside, before any code of the app, and needs no network.

A version that adds powers runs without them for seven days. The sandbox is built from the powers that are
awake, so the kernel does not give the others either; the runtime inside is handed the same list, checks it
against its own manifest, and can say until when something sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from locara.core.changes import gains
from locara.core.consent import ConsentText, consent_text
from locara.core.grant import Grants
from locara.runtime.app import AppBundle
from locara.runtime.awake import Admission
from locara.runtime.consent import Consent, ConsentRecord, load, record_name, save
from locara.runtime.remembered import carry, forget_all
from locara.runtime.revocation import refuse_revoked
from locara.runtime.standing import Asleep, Standing
from locara.runtime.state import StartError, StateFolder

_NO_SIZES: Final[Mapping[str, int]] = {}


def admit(
    bundle: AppBundle,
    *,
    state: StateFolder,
    consent: Consent,
    now: float,
    model_sizes: Mapping[str, int] = _NO_SIZES,
) -> Admission:
    """Let a version start, asking the person where they have not agreed yet.

    They are asked when the app is new, when an update asks for what they did not agree to, and after they
    withdrew. ``now`` is in seconds since 1970. Raises StartError: ``revoked``, ``revocation_stale``,
    ``revocation_unreadable``, ``consent_refused``, ``consent_needed``, ``consent_unreadable``, ``state_unwritable``.
    """
    grants = bundle.grants
    notices = refuse_revoked(state, grants, now=now)
    with state.alone(record_name(grants.app_id)):
        before = load(state, grants.app_id)
        text = consent_text(grants, model_sizes=model_sizes)
        record = _first(grants, text, consent, now) if before is None else None
        if before is not None:
            before = replace(before, standing=before.standing.seen_at(now))
            record = _next(before, grants, text, consent, now, state)
        if record is None:
            raise _refused(text, update=False)
        if before is not None and before.answer == "yes" and not before.standing.widened_by(grants):
            carry(state, grants.app_id, before.manifest, record.manifest)
        save(state, record)
    return Admission(replace(bundle, grants=record.standing.awake), Asleep(record.standing.asleep), notices)


def _first(grants: Grants, text: ConsentText, consent: Consent, now: float) -> ConsentRecord | None:
    if consent.ask(text, ()) is not True:
        return None
    return ConsentRecord(
        app=grants.app_id,
        manifest=grants.manifest_digest,
        version=grants.version,
        answer="yes",
        answered=now,
        shown=text,
        changes=(),
        standing=Standing.first(grants, now),
    )


def _next(  # noqa: PLR0917 - one value per thing that is compared
    before: ConsentRecord,
    grants: Grants,
    text: ConsentText,
    consent: Consent,
    now: float,
    state: StateFolder,
) -> ConsentRecord:
    standing = before.standing.moved_to(grants, now)
    after = replace(before, manifest=grants.manifest_digest, version=grants.version, standing=standing)
    widened = bool(before.standing.widened_by(grants))
    if before.answer == "yes" and not widened:
        return after
    changes = tuple(gain.sentence for gain in gains(before.standing.agreed, grants)) if widened else ()
    if consent.ask(text, changes) is not True:
        save(state, before)
        raise _refused(text, update=widened)
    return replace(after, answer="yes", answered=standing.newest, shown=text, changes=changes)


def _refused(text: ConsentText, *, update: bool) -> StartError:
    what = "what its update adds" if update else "what it may do"
    return StartError(
        f"{text.title}: you did not agree to {what}",
        code="consent_refused",
        fix="start it again to be asked again" + ("; the version before is still agreed to" * update),
    )


def withdraw(state: StateFolder, app_id: str) -> bool:
    """Take the person's answer back: the next start asks again. False when there was none.

    What they picked is not found again. What sleeps goes on sleeping: withdrawing and answering again
    shortens no cool-down.
    """
    with state.alone(record_name(app_id)):
        record = load(state, app_id)
        if record is None or record.answer == "withdrawn":
            return False
        save(state, replace(record, answer="withdrawn"))
        forget_all(state, app_id)
    return True
