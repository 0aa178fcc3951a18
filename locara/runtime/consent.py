"""The person's answer to what an app asks for: how it is asked, and how it is kept.

An answer is kept per app in the person's state folder, with the digest of the manifest it was given for and
the words that were shown. Nobody is asked twice for the same, and nobody is ever taken to have said yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from locara.core.consent import ConsentText
from locara.core.digest import Digest
from locara.core.grant_json import grants_json, read_grants
from locara.records import dataclass
from locara.runtime.app_home import file_name
from locara.runtime.standing import ALWAYS, COOL_DOWN, Layer, Standing
from locara.runtime.state import StartError, StateFolder

FORMAT: Final = "locara-consent/1"
Answer: TypeAlias = Literal["yes", "withdrawn"]


class Consent(Protocol):
    """Asks the person. Runs outside the sandbox, before anything of the app does, and may block."""

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """True when they agree. ``changes`` is what an update adds; empty when the app is new.

        Raises StartError ``consent_needed`` when nobody can be asked.
        """


class NoConsent:
    """Nobody is there to ask: only what was agreed to before may start."""

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """Raises StartError ``consent_needed``."""
        what = "what its update adds" if changes else "what it may do"
        raise StartError(
            f"{text.title}: nobody has agreed to {what}",
            code="consent_needed",
            fix="answer it with `locara consent give APP`, or state your answer with --accept-consent",
        )


class StatedConsent:
    """The person's yes, stated beforehand by whoever starts the app. It is on record like any other."""

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """Yes."""
        return True


class ScriptedConsent:
    """Answers given beforehand, in order; after the last one every answer is no. ``asked`` keeps what was
    shown."""

    def __init__(self, answers: Iterable[bool] = ()) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[ConsentText, tuple[str, ...]]] = []

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """The next answer."""
        self.asked.append((text, changes))
        return self._answers.pop(0) if self._answers else False


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What one person agreed to for one app. ``answered`` is when, in seconds since 1970.

    ``manifest`` and ``version`` name the version that started last under this consent; ``shown`` and
    ``changes`` what the person read when they last answered.
    """

    app: str
    manifest: Digest
    version: str
    answer: Answer
    answered: float
    shown: ConsentText
    changes: tuple[str, ...]
    standing: Standing


class _ShownForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    title: str
    may: list[str]
    may_not: list[str]
    models: list[str]
    changes: list[str]


class _LayerForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    wakes: float = Field(ge=0, allow_inf_nan=False)
    grants: dict[str, JsonValue]


class _RecordForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    format: Literal["locara-consent/1"]
    app: str
    manifest: str
    version: str
    answer: Answer
    answered: float = Field(ge=0, allow_inf_nan=False)
    newest: float = Field(ge=0, allow_inf_nan=False)
    shown: _ShownForm
    layers: list[_LayerForm] = Field(min_length=1)


def record_name(app_id: str) -> str:
    """The record's file below the state folder: ``consent/<publisher>.<name>.json``."""
    return f"consent/{file_name(app_id)}.json"


def load(state: StateFolder, app_id: str) -> ConsentRecord | None:
    """The record of an app, None when there is none. StartError ``consent_unreadable`` when it cannot be
    believed."""
    name = record_name(app_id)
    value = state.read(name, code="consent_unreadable")
    if value is None:
        return None
    try:
        return _record(_RecordForm.model_validate(value), app_id, source=name)
    except (ValueError, ValidationError) as error:
        reason = "it is not a record of consent" if isinstance(error, ValidationError) else str(error)
        raise state.unreadable(name, reason, code="consent_unreadable") from error


def _record(form: _RecordForm, app_id: str, *, source: str) -> ConsentRecord:
    layers = tuple(Layer(read_grants(item.grants, source=source), item.wakes) for item in form.layers)
    times = [layer.wakes for layer in layers]
    if form.app != app_id or any(layer.grants.app_id != app_id for layer in layers):
        raise ValueError("it is about another app")
    if times[0] != ALWAYS or times != sorted(times) or times[-1] > form.newest + COOL_DOWN:
        raise ValueError("its times do not follow each other")
    shown = form.shown
    return ConsentRecord(
        app=app_id,
        manifest=Digest.parse(form.manifest),
        version=form.version,
        answer=form.answer,
        answered=form.answered,
        shown=ConsentText(shown.title, tuple(shown.may), tuple(shown.may_not), tuple(shown.models)),
        changes=tuple(shown.changes),
        standing=Standing(layers, form.newest),
    )


def save(state: StateFolder, record: ConsentRecord) -> None:
    """Keep a record in place of the one before. StartError ``state_unwritable`` when it cannot be kept."""
    shown = record.shown
    state.write(
        record_name(record.app),
        {
            "format": FORMAT,
            "app": record.app,
            "manifest": str(record.manifest),
            "version": record.version,
            "answer": record.answer,
            "answered": record.answered,
            "newest": record.standing.newest,
            "shown": {
                "title": shown.title,
                "may": list(shown.may),
                "may_not": list(shown.may_not),
                "models": list(shown.models),
                "changes": list(record.changes),
            },
            "layers": [
                {"wakes": layer.wakes, "grants": grants_json(layer.grants)}
                for layer in record.standing.layers
            ],
        },
    )
