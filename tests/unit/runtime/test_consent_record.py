"""The record of an answer: kept whole, believed only when it is exactly what was written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from locara.core.consent import ConsentText
from locara.runtime.consent import NoConsent, ScriptedConsent, StatedConsent, load, record_name
from locara.runtime.lifecycle import admit
from locara.runtime.state import START_CODES, StartError, StateFolder, default_state_root

from .test_consent_standing import START, version

NAME = record_name("acme/probe")
ONE = version(frozenset({"camera"}), 1)
WIDER = version(frozenset({"camera", "a.test"}), 2)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def agreed(state: StateFolder) -> Path:
    admit(ONE, state=state, consent=StatedConsent(), now=START, model_sizes={})
    return state.path / NAME


def test_an_answer_is_kept_with_what_was_shown(state: StateFolder, agreed: Path) -> None:
    record = load(state, "acme/probe")
    assert record is not None
    assert (record.answer, record.answered, record.manifest) == ("yes", START, ONE.manifest.digest)
    assert "use the camera" in record.shown.may
    assert "use the network" in record.shown.may_not
    assert agreed.stat().st_mode & 0o777 == 0o600
    assert agreed.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in agreed.parent.iterdir()) == [
        "acme.probe.json",
        "acme.probe.json.lock",
    ]


def test_nobody_is_asked_twice_for_the_same(state: StateFolder, agreed: Path) -> None:
    asked = ScriptedConsent()
    admit(ONE, state=state, consent=asked, now=START + 5)
    admit(
        version(frozenset({"camera"}), 7), state=state, consent=asked, now=START + 6
    )  # other words, no power
    admit(version(frozenset(), 8), state=state, consent=asked, now=START + 7)
    assert asked.asked == []


def test_an_update_shows_exactly_what_it_adds(state: StateFolder, agreed: Path) -> None:
    asked = ScriptedConsent([True])
    admission = admit(WIDER, state=state, consent=asked, now=START + 5)
    ((text, changes),) = asked.asked
    assert changes == ("connect to a.test",)
    assert "use the camera" in text.may
    assert [layer.wakes for layer in admission.asleep.layers] == [START + 5 + 7 * 86_400]


@pytest.mark.parametrize("bundle", [ONE, WIDER])
def test_a_refusal_starts_nothing_and_is_no_answer(state: StateFolder, bundle: Any) -> None:
    with pytest.raises(StartError) as caught:
        admit(bundle, state=state, consent=ScriptedConsent([False]), now=START)
    assert caught.value.code == "consent_refused"
    assert load(state, "acme/probe") is None


def test_a_refused_update_leaves_the_answer_to_the_version_before(state: StateFolder, agreed: Path) -> None:
    with pytest.raises(StartError) as caught:
        admit(WIDER, state=state, consent=ScriptedConsent([False]), now=START + 1)
    assert caught.value.code == "consent_refused"
    assert "still agreed to" in caught.value.diagnostics()
    admit(ONE, state=state, consent=NoConsent(), now=START + 2)


def test_nobody_to_ask_is_not_a_yes(state: StateFolder) -> None:
    with pytest.raises(StartError) as caught:
        admit(ONE, state=state, consent=NoConsent(), now=START)
    assert caught.value.code == "consent_needed"
    assert "--accept-consent" in caught.value.diagnostics()


class Truthy:
    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> Any:
        return "no"


def test_only_true_is_a_yes(state: StateFolder) -> None:
    with pytest.raises(StartError):
        admit(ONE, state=state, consent=Truthy(), now=START)


def damaged(path: Path, edit: Any) -> None:
    value = json.loads(path.read_bytes())
    edit(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    "edit",
    [
        lambda value: value.update(format="locara-consent/2"),
        lambda value: value.update(app="acme/other"),
        lambda value: value.update(answer="maybe"),
        lambda value: value.update(extra=1),
        lambda value: value.pop("shown"),
        lambda value: value.update(layers=[]),
        lambda value: value.update(manifest="sha256:0"),
        lambda value: value.update(newest=-1),
        lambda value: value["layers"][0].update(wakes=1.0),
        lambda value: value["layers"].append({**value["layers"][0], "wakes": START + 8 * 86_400}),
        lambda value: value["layers"][0]["grants"].update(app="acme/other"),
        lambda value: value["layers"][0]["grants"]["powers"].update(net=True),
    ],
)
def test_a_record_that_is_not_one_stops_the_start(state: StateFolder, agreed: Path, edit: Any) -> None:
    damaged(agreed, edit)
    with pytest.raises(StartError) as caught:
        admit(ONE, state=state, consent=StatedConsent(), now=START)
    assert caught.value.code == "consent_unreadable"
    assert str(agreed) in caught.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_damaged_bytes_stop_the_start(state: StateFolder, agreed: Path, content: bytes) -> None:
    agreed.write_bytes(content)
    with pytest.raises(StartError) as caught:
        admit(ONE, state=state, consent=StatedConsent(), now=START)
    assert caught.value.code == "consent_unreadable"


def by_link(path: Path) -> None:
    real = path.with_name("elsewhere")
    path.rename(real)
    path.symlink_to(real)


def by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("how", [by_link, by_fifo, lambda path: path.chmod(0o666)])
def test_a_record_somebody_else_could_have_made_is_not_read(
    state: StateFolder, agreed: Path, how: Any
) -> None:
    admit(ONE, state=state, consent=NoConsent(), now=START)  # the twin: as it is, it counts
    how(agreed)
    with pytest.raises(StartError) as caught:
        admit(ONE, state=state, consent=StatedConsent(), now=START)
    assert caught.value.code == "consent_unreadable"


def test_an_app_of_another_name_has_no_share_in_an_answer(state: StateFolder, agreed: Path) -> None:
    assert load(state, "acme/prob") is None
    assert record_name("a-b/c") != record_name("a/b-c")


def test_a_folder_that_cannot_be_written_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/consent").write_text("a file")
    with pytest.raises(StartError) as caught:
        admit(ONE, state=StateFolder(tmp_path / "state"), consent=StatedConsent(), now=START)
    assert caught.value.code == "state_unwritable"


def test_the_folder_stays_out_of_what_an_app_is_given(state: StateFolder, tmp_path: Path) -> None:
    state.path.mkdir()
    state.keep_away_from([tmp_path / "data", tmp_path / "state-2"])
    (tmp_path / "link").symlink_to(tmp_path)
    for place in (tmp_path, state.path, state.path / "consent", tmp_path / "link"):
        with pytest.raises(StartError) as caught:
            state.keep_away_from([place])
        assert caught.value.code == "state_exposed"


def test_codes_are_a_closed_list() -> None:
    with pytest.raises(ValueError, match="closed list"):
        StartError("no", code="because")
    assert "revoked" in START_CODES


@pytest.mark.parametrize(("value", "used"), [("/elsewhere", True), ("relative", False), ("", False)])
def test_where_decisions_are_kept(monkeypatch: pytest.MonkeyPatch, value: str, used: bool) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    assert (default_state_root() == Path("/elsewhere/Locara")) == used
    assert default_state_root().is_absolute()
