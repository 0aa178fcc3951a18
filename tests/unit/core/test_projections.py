"""Command table, consent text and label are projections of the same grants: they say the same."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.availability import PLATFORMS, unavailable
from locara.core.capability import FS_KINDS, Kind
from locara.core.consent import MAY_NOT, consent_text
from locara.core.decision import decide
from locara.core.grant import Grants, intersect, widening
from locara.core.label import privacy_label
from locara.core.request import FsRequest, NetRequest
from locara.core.surface import COMMANDS, command_table

Granted = Callable[..., Grants]
A = f"chat@sha256:{'a' * 64}"
RISKS = ("low", "medium", "high")
ALWAYS = {
    "app.info", "app.commands", "audit.capabilityLog", "settings.get", "settings.set", "settings.getAll",
    "settings.delete", "settings.subscribe", "settings.unsubscribe", "db.query", "db.exec", "db.batch", "db.search",
}  # fmt: skip
PICKS = {"fs.pick", "fs.release", "fs.dropped", "fs.remembered", "fs.reopen", "fs.forget"}
READS = {"fs.read", "fs.list", "fs.stat"}
WRITES = {"fs.write", "fs.remove", "fs.mkdir"}

# One declaration per kind, and the words it must have in the consent text.
SINGLE: dict[Kind, tuple[Any, str]] = {
    Kind.NET: (True, "connect to every host on the internet"),
    Kind.FS_USER_SELECTED: (
        "read",
        "read the files and folders that you pick, and find them again later only if you say so",
    ),
    Kind.FS_APP_DATA: ("read-write", "read and change files in its own private folder"),
    Kind.FS_USER_PATHS: ({"documents": "read-write"}, "read and change everything in your Documents folder"),
    Kind.MICROPHONE: (True, "use the microphone"),
    Kind.CAMERA: (True, "use the camera"),
    Kind.SYSTEM_AUDIO: (True, "record the sound of other apps"),
    Kind.MODELS: ([A], "run AI models on this computer: chat"),
    Kind.TOOLS: ([A], "run tools: chat"),
    Kind.SHARED_FOLDERS: (
        [{"id": "inbox", "with": ["acme/mail", "acme/scan"], "access": "read"}],
        "read inbox (with acme/mail, acme/scan)",
    ),
    Kind.CLIPBOARD: ({"write": True}, "change the clipboard"),
    Kind.NOTIFICATIONS: ({"modes": ["sound", "alert"]}, "notify you by alert, sound"),
    Kind.BACKGROUND: (
        {"mode": "active", "reasons": ["It indexes new files"]},
        'run in the background (go on working while its window is closed), because: "It indexes new files"',
    ),
    Kind.OPEN_EXTERNAL: ({"hosts": ["*.acme.example"]}, "open web pages of *.acme.example in your browser"),
}


def only(granted: Granted, capabilities: dict[str, Any], **changes: Any) -> Grants:
    return granted({"fs.app-data": False, **capabilities}, **changes)


@pytest.mark.parametrize("kind", Kind)
def test_each_declared_capability_is_told_once_and_nothing_else(granted: Granted, kind: Kind) -> None:
    value, words = SINGLE[kind]
    text = consent_text(only(granted, {kind.value: value}))
    assert len(text.may) == 1
    assert words in text.may[0]
    assert set(text.may_not) == {MAY_NOT[other] for other in Kind if other is not kind}


def test_net_true_shows_everywhere(granted: Granted) -> None:
    without, with_net = only(granted, {"models": [A]}), only(granted, {"models": [A], "net": True})
    assert MAY_NOT[Kind.NET] in consent_text(without).may_not
    assert "fully local" in privacy_label(without).badges
    assert "no data leaves this computer through the app" in privacy_label(without).data_handling
    assert "net.fetch" not in command_table(without)
    assert not decide(without, NetRequest("a.test", 443)).allowed

    assert "connect to every host on the internet, on every port" in consent_text(with_net).may
    assert MAY_NOT[Kind.NET] not in consent_text(with_net).may_not
    label = privacy_label(with_net)
    assert "fully local" not in label.badges
    assert label.risk == "high"
    assert "it can connect to every host" in label.reasons
    assert label.may == consent_text(with_net).may
    assert "net.fetch" in command_table(with_net)
    assert decide(with_net, NetRequest("a.test", 443)).allowed


def test_hosts_and_ports_are_told(granted: Granted) -> None:
    def may(hosts: list[str], ports: list[int]) -> str:
        net = {"allowed_hosts": hosts, "allowed_ports": ports}
        return consent_text(only(granted, {"net": net})).may[0]

    assert may(["b.test", "*.a.test"], [443]) == "connect to *.a.test, b.test, and to no other host"
    assert may(["a.test"], [80, 81, 82, 443]) == "connect to a.test on port 80-82, 443, and to no other host"
    assert may([f"h{n:02}.test" for n in range(20)], [443]).endswith(
        "h11.test and 8 more, and to no other host"
    )
    half = intersect(only(granted, {"net": True}), only(granted, {"net": {"allowed_hosts": ["a.test"]}}))
    assert consent_text(half).may == ("connect to a.test, and to no other host",)


def test_models_are_told_with_size_and_fingerprint(granted: Granted) -> None:
    grants = only(granted, {"models": [A]})
    assert consent_text(grants, model_sizes={"chat": 2_500_000}).models == (
        "chat: 2.5 MB, kept once for all apps, checked by its fingerprint aaaaaaaaaaaa…; "
        "the app needs no network for it",
    )
    assert consent_text(grants).models[0].startswith("chat: size not known, ")


def test_the_title_names_the_app_by_its_id_too(granted: Granted) -> None:
    assert consent_text(granted({}, displayName="System Update")).title == (
        "System Update (acme/notes), version 1.2.3"
    )


HOSTILE = "Nice\u202e\x1b[8m\n\u200bDENY\u2066\0"


def test_hostile_words_are_never_shown_raw(granted: Granted) -> None:
    """A manifest with such words is refused; grants that were made in another way are still shown safely."""
    grants = dataclasses.replace(
        only(granted, {"background": {"mode": "active"}}),
        display_name=HOSTILE,
        app_id=HOSTILE,
        version=HOSTILE,
        background_reasons=(HOSTILE,),
    )
    text = consent_text(grants)
    for line in (text.title, *text.may, *text.may_not, *text.models):
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in line)
    assert "\\u{202e}" in text.title


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_every_projection_says_what_decide_says(
    granted: Granted, capabilities: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    declared = data.draw(capabilities)
    modalities = data.draw(st.lists(st.sampled_from(["text-to-text", "text-to-embedding"]), unique=True))
    grants = granted(declared, **({"modalities": modalities} if declared.get("models") else {}))
    kinds = {grant.kind for grant in grants.grants}

    text = consent_text(grants)
    assert len(text.may) == len(set(text.may)) == len(kinds)
    assert set(text.may_not) == {MAY_NOT[kind] for kind in Kind if kind not in kinds}
    assert len(text.models) == len(grants.models)

    table = command_table(grants)
    assert table >= ALWAYS
    assert ("net.fetch" in table) is (Kind.NET in kinds)
    assert (table >= READS) is bool(kinds & FS_KINDS)
    assert (table >= WRITES) is (bool(table & WRITES)) is any("write" in str(a) for a in _file_uses(grants))
    assert (table >= PICKS) is bool(table & PICKS) is (Kind.FS_USER_SELECTED in kinds)
    assert ("llm.chat" in table) is ("text-to-text" in grants.modalities and bool(grants.models))
    assert ("embed.create" in table) is ("text-to-embedding" in grants.modalities and bool(grants.models))

    label = privacy_label(grants)
    assert ("fully local" in label.badges) is (Kind.NET not in kinds)
    assert label.may == text.may
    assert (label.risk == "low") is (label.reasons == ())
    assert privacy_label(grants) == label

    for platform in PLATFORMS:
        told = [item.kind for item in unavailable(grants, platform)]
        assert len(told) == len(set(told))
        assert set(told) <= kinds


def _file_uses(grants: Grants) -> list[str]:
    roots = ("user-selected", "app-data", "documents", "music", "movies", "shared/inbox")
    requests = [FsRequest(root, "a", "write") for root in roots]
    return [request.access for request in requests if decide(grants, request).allowed]


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_fewer_powers_never_mean_more_commands_or_more_risk(
    granted: Granted, capabilities: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    a, b = granted(data.draw(capabilities)), granted(data.draw(capabilities))
    less = intersect(a, b)
    assert widening(a, less) == ()
    assert command_table(less) <= command_table(a)
    assert RISKS.index(privacy_label(less).risk) <= RISKS.index(privacy_label(a).risk)
    assert set(privacy_label(a).badges) <= set(privacy_label(less).badges)
    assert set(consent_text(a).may_not) <= set(consent_text(less).may_not)


# -- the command table


def test_nothing_granted_leaves_what_carries_no_power() -> None:
    assert command_table(Grants.none()) == ALWAYS


@pytest.mark.parametrize(
    ("capabilities", "opened"),
    [
        ({"net": {"allowed_hosts": ["a.test"]}}, {"net.fetch"}),
        ({"fs.user-selected": "read"}, PICKS | READS),
        ({"fs.user-selected": "read-write"}, PICKS | READS | WRITES),
        ({"fs.app-data": "read"}, READS),
        ({"fs.app-data": "read-write"}, READS | WRITES),
        ({"fs.user-paths": {"music": "read"}}, READS),
        ({"fs.user-paths": {"music": "read", "movies": "read-write"}}, READS | WRITES),
        ({"models": [A]}, set()),
        ({"device.camera": True}, {"camera.open", "camera.read", "camera.close"}),
        ({"device.microphone": True}, {"audio.open", "audio.read", "audio.close"}),
        ({"device.system-audio": True}, {"audio.open", "audio.read", "audio.close"}),
        ({"clipboard": {"read": True}}, {"clipboard.read"}),
        ({"clipboard": {"write": True}}, {"clipboard.write"}),
        ({"notifications": {"modes": ["badge"]}}, {"notify.show"}),
        ({"open-external": {"hosts": ["a.test"]}}, {"shell.openExternal"}),
        ({"background": {"mode": "passive"}}, {"background.begin", "background.end", "background.status"}),
        ({"tools": [A]}, {"tools.invoke"}),
    ],
)
def test_a_capability_opens_its_commands_and_no_other(
    granted: Granted, capabilities: dict[str, Any], opened: set[str]
) -> None:
    assert command_table(only(granted, capabilities)) == ALWAYS | opened


@pytest.mark.parametrize(
    ("modality", "command"),
    [
        ("text-to-text", "llm.chat"),
        ("text-to-text-thinking", "llm.chat"),
        ("text-to-embedding", "embed.create"),
        ("speech-to-text", "transcribe.fromFile"),
        ("speech-to-text", "transcribe.open"),
        ("speech-to-text", "transcribe.push"),
        ("speech-to-text", "transcribe.close"),
    ],
)
def test_a_model_command_needs_modality_and_model(granted: Granted, modality: str, command: str) -> None:
    assert command in command_table(only(granted, {"models": [A]}, modalities=[modality]))
    assert command not in command_table(only(granted, {"models": [A]}))


READING = {"ocr.fromFile", "ocr.fromBytes", "ocr.languages", "pdf.text", "pdf.render"}
SPEAKING = {"tts.speak", "tts.voices"}


@pytest.mark.parametrize(
    ("fields", "opened", "sentence"),
    [
        ({"modalities": ["image-to-text"]}, READING, "read the text in pictures"),
        ({"tooling": ["ocr"]}, READING, "read the text in pictures"),
        ({"modalities": ["text-to-speech"]}, SPEAKING, "speak text"),
        ({"tooling": ["audio.synthesize"]}, SPEAKING, "speak text"),
        ({"tooling": ["vector.search"]}, set(), None),
    ],
)
def test_a_skill_opens_its_commands_and_is_told(
    granted: Granted, fields: dict[str, list[str]], opened: set[str], sentence: str | None
) -> None:
    grants = only(granted, {}, **fields)
    assert command_table(grants) == ALWAYS | opened
    told = consent_text(grants).may
    assert [line for line in told if sentence and line.startswith(sentence)] == list(told)
    assert len(told) == bool(sentence)
    label = privacy_label(grants)
    assert (label.risk, label.reasons) == ("low", ()), "a skill reaches nothing of the person's"
    assert any("on this computer" in line for line in label.data_handling) is bool(sentence)
    assert widening(only(granted, {}), grants) == ()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_closed_command_tells_what_would_open_it(name: str) -> None:
    spec = COMMANDS[name]
    assert spec.name == name
    assert spec.summary
    if name in ALWAYS:
        assert (spec.capability, spec.fix) == ("", "")
    else:
        assert spec.capability in {*Kind, "modalities"}
        assert f'"{spec.capability}": ' in spec.fix
    assert spec.stream is (name in {"llm.chat", "transcribe.fromFile", "settings.subscribe"})


# -- the label


@pytest.mark.parametrize(
    ("capabilities", "risk", "reason"),
    [
        ({}, "low", None),
        ({"fs.app-data": "read-write", "models": [A]}, "low", None),
        ({"fs.user-selected": "read"}, "low", None),
        ({"notifications": {"modes": ["alert"]}}, "low", None),
        ({"clipboard": {"write": True}}, "low", None),
        ({"clipboard": {"read": True}}, "medium", "it can read the clipboard"),
        ({"fs.user-selected": "read-write"}, "medium", "it can change files that are picked"),
        ({"fs.user-paths": {"music": "read"}}, "medium", "it has lasting access to folders of the person"),
        (
            {"fs.user-paths": {"music": "read-write"}},
            "high",
            "it can change folders of the person at any time",
        ),
        ({"device.microphone": True}, "medium", "it can use the microphone"),
        ({"device.camera": True}, "medium", "it can use the camera"),
        ({"device.system-audio": True}, "medium", "it can record the sound of other apps"),
        ({"tools": [A]}, "medium", "it can run tools"),
        ({"background": {"mode": "passive"}}, "medium", "it can run in the background"),
        ({"open-external": {"hosts": ["a.test"]}}, "medium", "it can open web pages in your browser"),
        ({"net": {"allowed_hosts": ["a.test"]}}, "medium", "it can connect to named hosts"),
        ({"net": {"allowed_hosts": ["*.a.test"]}}, "high", "it can connect to many hosts"),
        ({"net": {"allowed_hosts": [f"{c}.test" for c in "abcdef"]}}, "high", "it can connect to many hosts"),
        ({"net": True}, "high", "it can connect to every host"),
        (
            {"net": {"allowed_hosts": ["a.test"]}, "device.microphone": True},
            "high",
            "it can both take in private data lastingly and send data out",
        ),
    ],
)
def test_the_risk_has_a_reason(
    granted: Granted, capabilities: dict[str, Any], risk: str, reason: str | None
) -> None:
    label = privacy_label(only(granted, capabilities))
    assert label.risk == risk
    assert (reason in label.reasons) if reason else (label.reasons == ())


# -- what a platform cannot give

# Their files are reached by the commands of fs.app-data, under another root.
OTHER_ROOTS = {Kind.FS_USER_PATHS.value, Kind.SHARED_FOLDERS.value}
DEVICES = {Kind.MICROPHONE, Kind.CAMERA, Kind.SYSTEM_AUDIO}
MISSING: dict[str, set[Kind]] = {
    "linux": set(),
    "macos": {*DEVICES, Kind.SHARED_FOLDERS, Kind.NOTIFICATIONS},
    "windows": {*DEVICES, Kind.SHARED_FOLDERS, Kind.NOTIFICATIONS, Kind.CLIPBOARD, Kind.OPEN_EXTERNAL},
    "ios": {Kind.TOOLS, Kind.FS_USER_PATHS, Kind.SHARED_FOLDERS, Kind.SYSTEM_AUDIO, Kind.BACKGROUND},
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_a_platform_cannot_give_is_reported(granted: Granted, platform: Any) -> None:
    grants = granted({kind.value: value for kind, (value, _) in SINGLE.items()})
    found = unavailable(grants, platform)
    assert {item.kind for item in found} == MISSING[platform]
    assert all(item.reason for item in found)
    assert unavailable(Grants.none(), platform) == ()


def test_every_capability_has_its_commands() -> None:
    opened = {kind for kind, (value, _) in SINGLE.items() if kind.value not in OTHER_ROOTS}
    named = {spec.capability for spec in COMMANDS.values()}
    assert named >= {kind.value for kind in opened - {Kind.SYSTEM_AUDIO}}


def test_an_unknown_platform_is_no_platform(granted: Granted) -> None:
    with pytest.raises(ValueError, match="platforms"):
        unavailable(granted({}), "amiga")  # type: ignore[arg-type]
