"""Every registered command, with each layer alone: there is no command without a row here."""

from __future__ import annotations

import base64
import wave
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied
from locara.runtime.launch import RunningApp

from . import desktop_rows
from .rows import Args, Power
from .world import CANARY, HOST, MODELS, REPOSITORY, SOUND, TOOLS, World, without_kernel, without_runtime

CHAT, EMBED, SPEECH = (
    MODELS[name] for name in ("locara-tiny-chat", "all-minilm-l6-v2", "locara-tiny-whisper")
)
TOOL, OTHER_TOOL = TOOLS["text-stats"], TOOLS["digest"]
DRAWN = REPOSITORY / "fixtures/pictures"
SKILLS = ["image-to-text", "text-to-speech"]
MODALITIES = ["text-to-text", "text-to-embedding", "speech-to-text", *SKILLS]
SHARED = [{"id": "notes", "with": ["acme/editor"], "access": "read-write"}]
WIDE: dict[str, Any] = {
    "net": {"allowed_hosts": [HOST]},
    "fs.user-selected": "read-write",
    "fs.app-data": "read-write",
    "fs.user-paths": {"documents": "read-write", "pictures": "read-write"},
    "models": [CHAT, EMBED, SPEECH],
    "tools": [TOOL],
    "shared-folders": SHARED,
    **desktop_rows.GRANTED,
}
# Every command exists, and none of the things that the rows ask for is declared.
BESIDE: dict[str, Any] = {
    "net": {"allowed_hosts": ["other.example.com"]},
    "fs.user-selected": "read",
    "fs.user-paths": {"documents": "read"},
    "models": [EMBED],
    "tools": [OTHER_TOOL],
    **desktop_rows.NEAR,
}
NOTHING: dict[str, Any] = {"fs.app-data": False}
# What the kernel is told where the runtime believes WIDE: one folder, and only for reading.
NARROW: dict[str, Any] = {"fs.app-data": False, "fs.user-paths": {"documents": "read"}}

ASK = [{"role": "user", "content": "What is the capital of France?"}]
PICTURE = {"root": "$PICTURES", "path": "a.txt"}
NEW = {"root": "$PICTURES", "path": "new"}
PICTURES_READ = '"fs.user-paths": {"documents": "read", "pictures": "read"}'
PICTURES_WRITE = '"fs.user-paths": {"documents": "read", "pictures": "read-write"}'
READS, WRITES = '"fs.app-data": "read"', '"fs.app-data": "read-write"'
PICKS = '"fs.user-selected": "read"'
ANY_MODEL = 'and in "capabilities" "models": ["id@sha256:…"]'


def models_line(pin: str) -> str:
    return f'"models": ["{EMBED}", "{pin}"]'


def text_of(app: RunningApp, root: str, path: str) -> str:
    return app.client.call("fs.read", {"root": root, "path": path, "encoding": "utf8"})["data"]


def pick(app: RunningApp, access: str = "read") -> str:
    (handle,) = app.client.call("fs.pick", {"kind": "directory", "access": access})["handles"]
    return handle["handle"]


def remember(app: RunningApp) -> tuple[str, str]:
    """(handle, grant) of what the person picked and lets the app find again."""
    asked = {"kind": "directory", "access": "read", "remember": True}
    (handle,) = app.client.call("fs.pick", asked)["handles"]
    return handle["handle"], handle["grant"]


def reads_everywhere(app: RunningApp, _world: World) -> None:
    app.client.call(
        "fs.write",
        {"root": "$APP_DATA", "path": "a.txt", "data": CANARY, "encoding": "utf8", "mode": "replace"},
    )
    for root in ("$APP_DATA", "$PICTURES", "$DOCUMENTS", "$SHARED/notes", pick(app)):
        assert text_of(app, root, "a.txt") == CANARY


def lists(app: RunningApp, _world: World) -> None:
    for root in ("$PICTURES", "$SHARED/notes", pick(app)):
        names = [entry["name"] for entry in app.client.call("fs.list", {"root": root, "path": ""})["entries"]]
        assert "a.txt" in names


def stats(app: RunningApp, _world: World) -> None:
    for root in ("$PICTURES", "$SHARED/notes", pick(app)):
        assert app.client.call("fs.stat", {"root": root, "path": "a.txt"})["size"] == len(CANARY)


def writes(app: RunningApp, world: World) -> None:
    for root, place in (
        ("$PICTURES", "pictures"),
        ("$SHARED/notes", "shared"),
        (pick(app, "read-write"), "picked"),
    ):
        app.client.call(
            "fs.write", {"root": root, "path": "w", "data": "new", "encoding": "utf8", "mode": "create"}
        )
        assert (world.folder / place / "w").read_text() == "new"
        app.client.call("fs.remove", {"root": root, "path": "w"})


def removes(app: RunningApp, world: World) -> None:
    for root, place in (
        ("$PICTURES", "pictures"),
        ("$SHARED/notes", "shared"),
        (pick(app, "read-write"), "picked"),
    ):
        app.client.call("fs.mkdir", {"root": root, "path": "gone"})
        app.client.call("fs.remove", {"root": root, "path": "gone"})
        assert not (world.folder / place / "gone").exists()


def makes(app: RunningApp, world: World) -> None:
    for root, place in (
        ("$PICTURES", "pictures"),
        ("$SHARED/notes", "shared"),
        (pick(app, "read-write"), "picked"),
    ):
        app.client.call("fs.mkdir", {"root": root, "path": "made"})
        assert (world.folder / place / "made").is_dir()
        app.client.call("fs.remove", {"root": root, "path": "made"})


def picks(app: RunningApp, _world: World) -> None:
    assert text_of(app, pick(app), "a.txt") == CANARY


def releases(app: RunningApp, _world: World) -> None:
    handle = pick(app)
    app.client.call("fs.release", {"handle": handle})
    with pytest.raises(CapabilityDenied, match="no such handle"):
        text_of(app, handle, "a.txt")


def takes_drops(app: RunningApp, _world: World) -> None:
    (dropped,) = app.client.call("fs.dropped")["handles"]
    assert text_of(app, dropped["handle"], "a.txt") == CANARY


def remembers(app: RunningApp, _world: World) -> None:
    _, grant = remember(app)
    (told,) = app.client.call("fs.remembered")["grants"]
    assert (told["grant"], told["name"], told["access"], told["recursive"]) == (
        grant,
        "picked",
        "read",
        False,
    )


def reopens(app: RunningApp, _world: World) -> None:
    _, grant = remember(app)
    assert text_of(app, app.client.call("fs.reopen", {"grant": grant})["handle"], "a.txt") == CANARY


def forgets(app: RunningApp, _world: World) -> None:
    handle, grant = remember(app)
    again = app.client.call("fs.reopen", {"grant": grant})["handle"]
    assert text_of(app, handle, "a.txt") == text_of(app, again, "a.txt") == CANARY
    assert app.client.call("fs.forget", {"grant": grant}) == {"forgotten": True}
    assert app.client.call("fs.remembered")["grants"] == []
    for gone in (handle, again):
        with pytest.raises(CapabilityDenied, match="took this back"):
            text_of(app, gone, "a.txt")


def fetches(app: RunningApp, world: World) -> None:
    answer = app.client.call("net.fetch", {"url": f"https://{HOST}/"})
    assert (answer["status"], base64.b64decode(answer["body"]).decode()) == (200, CANARY)
    assert world.dialled
    world.dialled.clear()


def chats(app: RunningApp, _world: World) -> None:
    assert app.client.call("llm.chat", {"model": CHAT, "messages": ASK, "maxTokens": 8})["content"]


def embeds(app: RunningApp, _world: World) -> None:
    assert app.client.call("embed.create", {"model": EMBED, "texts": ["a cat"]})["dimensions"] == 384


def invokes(app: RunningApp, _world: World) -> None:
    assert (
        app.client.call("tools.invoke", {"tool": TOOL, "input": {"text": "two words"}})["output"]["words"]
        == 2
    )


def hears_a_file(app: RunningApp, _world: World) -> None:
    data = base64.b64encode(SOUND.read_bytes()).decode()
    app.client.call("fs.write", {"root": "$APP_DATA", "path": "s.wav", "data": data, "mode": "replace"})
    asked = {"model": SPEECH, "root": "$APP_DATA", "path": "s.wav"}
    assert "Maria" in app.client.call("transcribe.fromFile", asked)["text"]


def hears_what_is_pushed(app: RunningApp, _world: World) -> None:
    with wave.open(str(SOUND)) as sound:
        rate, samples = sound.getframerate(), sound.readframes(sound.getnframes())
    stream = app.client.call("transcribe.open", {"model": SPEECH, "rate": rate})["stream"]
    data = base64.b64encode(samples).decode()
    app.client.call("transcribe.push", {"stream": stream, "data": data})
    assert "Maria" in app.client.call("transcribe.close", {"stream": stream})["text"]


def follows(app: RunningApp) -> None:
    """settings.subscribe: it is answered when it ends, so it has no row of its own in OWN."""
    stream = app.client.stream("settings.subscribe")
    name = next(stream)["subscription"]
    app.client.call("settings.set", {"key": "s", "value": [1]})
    assert next(stream) == {"type": "changed", "scope": "user", "key": "s", "found": True, "value": [1]}
    app.client.call("settings.delete", {"key": "s"})
    assert next(stream)["found"] is False
    assert app.client.call("settings.unsubscribe", {"subscription": name}) == {"ended": True}
    assert stream.result == {"reason": "unsubscribed"}


def put(app: RunningApp, name: str) -> dict[str, str]:
    data = base64.b64encode((DRAWN / name).read_bytes()).decode()
    app.client.call("fs.write", {"root": "$APP_DATA", "path": name, "data": data, "mode": "replace"})
    return {"root": "$APP_DATA", "path": name}


def reads_a_picture(app: RunningApp, _world: World) -> None:
    assert "harbour office" in app.client.call("ocr.fromFile", put(app, "page.png"))["text"]


def reads_a_page_it_drew(app: RunningApp, _world: World) -> None:
    drawn = app.client.call("pdf.render", {**put(app, "scan.pdf"), "page": 1, "dpi": 200})
    assert "harbour office" in app.client.call("ocr.fromBytes", {"data": drawn["data"]})["text"]


def reads_pages(app: RunningApp, _world: World) -> None:
    assert app.client.call("pdf.text", put(app, "many-pages.pdf"))["pageCount"] == 12


def knows_languages(app: RunningApp, _world: World) -> None:
    assert "eng" in app.client.call("ocr.languages")["languages"]


def speaks(app: RunningApp, _world: World) -> None:
    voices = {voice["id"] for voice in app.client.call("tts.voices")["voices"]}
    assert "en-us" in voices
    spoken = app.client.call("tts.speak", {"text": "One two three.", "format": "pcm"})
    assert spoken["duration"] > 0.5
    assert max(memoryview(base64.b64decode(spoken["data"])).cast("h")) > 3_000


NO_MODEL = frozenset({"model_unavailable"})
NO_WRITING = frozenset({"not_found", "io_error"})
HEARS = f'"modalities": ["speech-to-text"] {ANY_MODEL}'
NO_STREAM = "open one: transcribe.open"
READING, SPEAKING = ('"modalities": ["image-to-text"]', '"modalities": ["text-to-speech"]')
BROKER = frozenset({"capability_denied"})  # the broker starts no program that the manifest does not open
PIXELS = base64.b64encode((DRAWN / "page.png").read_bytes()).decode()
AGAIN = "ask the person again: fs.pick"
HANDLE = "use a handle that fs.pick returned"
POWERS: Mapping[str, Power] = {
    "fs.read": Power(READS, PICTURE, PICTURES_READ, reads_everywhere),
    "fs.list": Power(READS, {**PICTURE, "path": ""}, PICTURES_READ, lists),
    "fs.stat": Power(READS, PICTURE, PICTURES_READ, stats),
    "fs.write": Power(WRITES, {**PICTURE, "data": "eA==", "mode": "replace"}, PICTURES_WRITE, writes),
    "fs.remove": Power(WRITES, PICTURE, PICTURES_WRITE, removes),
    "fs.mkdir": Power(WRITES, NEW, PICTURES_WRITE, makes),
    "fs.pick": Power(
        PICKS,
        {"kind": "directory", "access": "read-write"},
        '"fs.user-selected": "read-write"',
        picks,
        frozenset({"capability_denied"}),
    ),
    "fs.release": Power(PICKS, {"handle": "x" * 32}, HANDLE, releases, frozenset({"capability_denied"})),
    "fs.dropped": Power(PICKS, {}, PICKS, takes_drops, BROKER),
    "fs.remembered": Power(PICKS, {}, PICKS, remembers, BROKER),
    "fs.reopen": Power(PICKS, {"grant": "0" * 16}, AGAIN, reopens, BROKER),
    "fs.forget": Power(PICKS, {"grant": "0" * 16}, PICKS, forgets, BROKER),
    "net.fetch": Power(
        '"net": {"allowed_hosts": ["api.example.com"]}',
        {"url": f"https://{HOST}/"},
        f'"net": {{"allowed_hosts": ["other.example.com", "{HOST}"]}}',
        fetches,
        frozenset({"io_error"}),
    ),
    "llm.chat": Power(
        f'"modalities": ["text-to-text"] {ANY_MODEL}',
        {"model": CHAT, "messages": ASK, "maxTokens": 4},
        models_line(CHAT),
        chats,
        NO_MODEL,
    ),
    "embed.create": Power(
        f'"modalities": ["text-to-embedding"] {ANY_MODEL}',
        {"model": CHAT, "texts": ["a"]},
        models_line(CHAT),
        embeds,
        NO_MODEL,
    ),
    "transcribe.fromFile": Power(
        HEARS, {"model": SPEECH, **PICTURE}, models_line(SPEECH), hears_a_file, frozenset({"not_found"})
    ),
    "transcribe.open": Power(HEARS, {"model": SPEECH}, models_line(SPEECH), hears_what_is_pushed, NO_MODEL),
    "transcribe.push": Power(HEARS, {"stream": "x", "data": ""}, NO_STREAM, hears_what_is_pushed),
    "transcribe.close": Power(HEARS, {"stream": "x"}, NO_STREAM, hears_what_is_pushed),
    "ocr.fromFile": Power(READING, PICTURE, PICTURES_READ, reads_a_picture),
    "pdf.text": Power(READING, PICTURE, PICTURES_READ, reads_pages),
    "pdf.render": Power(READING, {**PICTURE, "page": 1}, PICTURES_READ, reads_a_page_it_drew),
    "ocr.fromBytes": Power(READING, {"data": PIXELS}, READING, reads_a_page_it_drew, BROKER),
    "ocr.languages": Power(READING, {}, READING, knows_languages, BROKER),
    "tts.speak": Power(SPEAKING, {"text": "one"}, SPEAKING, speaks, BROKER),
    "tts.voices": Power(SPEAKING, {}, SPEAKING, speaks, BROKER),
    "tools.invoke": Power(
        '"tools": ["id@sha256:…"]',
        {"tool": TOOL, "input": {"text": "a"}},
        f'"tools": ["{OTHER_TOOL}", "{TOOL}"]',
        invokes,
        frozenset({"tool_unavailable"}),
    ),
    **desktop_rows.POWERS,
}
REFUSABLE = sorted(POWERS.keys() - desktop_rows.FREE)
# A name of an own thing (a handle, a stream) that nobody was given is refused by what holds the names.
NAMES_ONLY = frozenset({"transcribe.push", "transcribe.close", "audio.read", "audio.close"})

# To see and to give up what was picked, and to take what was dropped, needs no more than the picker: without it the
# command is absent.
OF_THE_PICKER = frozenset({"fs.dropped", "fs.remembered", "fs.forget"})

# What has no object to be decided about: that the app declares it at all is the decision.
TABLE_ONLY = frozenset({"ocr.fromBytes", "ocr.languages", "tts.speak", "tts.voices"})

# The app's own store, log and name: no power behind them, so they work in an app that declares nothing.
STREAMS = frozenset({"settings.subscribe"})
OWN: Mapping[str, tuple[Args, Callable[[Any], bool]]] = {
    "app.info": ({}, lambda got: got["id"] == "acme/probe"),
    "app.commands": ({}, lambda got: set(got["commands"]) == {*OWN, *STREAMS}),
    "audit.capabilityLog": ({"limit": 1}, lambda got: len(got["entries"]) == 1),
    "settings.set": ({"key": "k", "value": 1}, lambda got: isinstance(got, dict)),
    "settings.get": ({"key": "k"}, lambda got: got == {"value": 1, "found": True}),
    "settings.getAll": ({}, lambda got: got == {"settings": {"k": 1}}),
    "settings.delete": ({"key": "k"}, lambda got: got == {"deleted": True}),
    "settings.unsubscribe": ({"subscription": "x"}, lambda got: got == {"ended": False}),
    "db.exec": ({"sql": "CREATE VIRTUAL TABLE t USING fts5(x)"}, lambda got: "changes" in got),
    "db.batch": (
        {"statements": [{"sql": "INSERT INTO t VALUES (?)", "params": ["a word"]}]},
        lambda got: got["results"][0]["changes"] == 1,
    ),
    "db.query": ({"sql": "SELECT x FROM t"}, lambda got: got["rows"] == [["a word"]]),
    "db.search": ({"fts": "t", "text": "word", "k": 1}, lambda got: len(got["hits"]) == 1),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def bare(world: World) -> Iterator[RunningApp]:
    """The real thing, for an app that declares nothing."""
    bundle = world.app("bare", NOTHING)
    with world.begin(bundle, world.plan(bundle)) as app:
        yield app


@pytest.fixture(scope="module")
def whole(world: World) -> Iterator[RunningApp]:
    """The real thing, for an app that declares everything."""
    bundle = world.app("whole", WIDE, modalities=MODALITIES)
    with world.begin(bundle, world.plan(bundle)) as app:
        yield app


@pytest.fixture(scope="module")
def gate_alone(world: World) -> Iterator[RunningApp]:
    """No kernel layer, and everything there to be taken; the manifest declares other things."""
    bundle = world.app("gate", BESIDE, modalities=MODALITIES)
    wide = world.app("wide", WIDE, modalities=MODALITIES)
    with world.begin(bundle, without_kernel(world.plan(bundle), world, wide)) as app:
        yield app


@pytest.fixture(scope="module")
def table_alone(world: World) -> Iterator[RunningApp]:
    """The same without a kernel layer and with a broker that starts every program; no skill is declared."""
    bundle = world.app("table", BESIDE)
    wide = world.app("skilled", WIDE, modalities=MODALITIES)
    with world.begin(bundle, without_kernel(world.plan(bundle), world, wide)) as app:
        yield app


@pytest.fixture(scope="module")
def kernel_alone(world: World) -> Iterator[RunningApp]:
    """A runtime that believes it was granted everything, in the sandbox of an app that was granted little."""
    bundle = world.app("kernel", NARROW)
    believed = world.app("believed", WIDE, modalities=MODALITIES).path / "locara.json"
    plan = without_runtime(world.plan(bundle), world.folder / "locara", believed.read_bytes())
    with world.begin(bundle, plan) as app:
        assert set(app.client.call("app.commands")["commands"]) == set(COMMANDS), "the runtime is fooled"
        yield app


def refusal(app: RunningApp, cmd: str, args: Args) -> CallError | CapabilityDenied:
    with pytest.raises((CallError, CapabilityDenied)) as caught:
        app.client.call(cmd, dict(args))
    return caught.value


def test_every_command_has_a_row() -> None:
    assert set(COMMANDS) == set(POWERS) | set(OWN) | STREAMS, "a command without a row here is not tested"
    assert not set(POWERS) & set(OWN)
    assert {name for name, spec in COMMANDS.items() if spec.capability == ""} == set(OWN) | STREAMS


@pytest.mark.parametrize("cmd", POWERS)
def test_undeclared_it_is_absent_and_names_the_line(bare: RunningApp, world: World, cmd: str) -> None:
    before, done = world.hash(), world.effects()
    error = refusal(bare, cmd, POWERS[cmd].args)
    assert (error.code, error.fix) == ("unknown_command", POWERS[cmd].absent)
    assert "does not declare" in (error.because or "")
    assert (world.hash(), world.effects()) == (before, done)


def test_the_apps_own_commands_work_undeclared(bare: RunningApp) -> None:
    follows(bare)
    for cmd, (args, is_right) in OWN.items():
        assert is_right(bare.client.call(cmd, dict(args))), cmd


@pytest.mark.parametrize("cmd", POWERS)
def test_declared_it_works(whole: RunningApp, world: World, cmd: str) -> None:
    before = world.hash()
    POWERS[cmd].works(whole, world)
    assert world.hash() == before, "each row takes away what it made"


@pytest.mark.parametrize("cmd", sorted(set(REFUSABLE) - OF_THE_PICKER))
def test_the_gate_alone_denies_it(
    gate_alone: RunningApp, table_alone: RunningApp, world: World, cmd: str
) -> None:
    before, done = world.hash(), world.effects()
    error = refusal(table_alone if cmd in TABLE_ONLY else gate_alone, cmd, POWERS[cmd].args)
    codes = dict.fromkeys(NAMES_ONLY, "not_found")
    codes |= dict.fromkeys(TABLE_ONLY | desktop_rows.WHOLE, "unknown_command")
    assert error.code == codes.get(cmd, "capability_denied")
    assert error.fix == POWERS[cmd].line
    assert (world.hash(), world.effects()) == (before, done)


@pytest.mark.parametrize("cmd", REFUSABLE)
def test_the_kernel_alone_denies_it(kernel_alone: RunningApp, world: World, cmd: str) -> None:
    before, done = world.hash(), world.effects()
    error = refusal(kernel_alone, cmd, POWERS[cmd].args)
    assert error.code in POWERS[cmd].kernel
    assert CANARY not in error.diagnostics()
    assert (world.hash(), world.effects()) == (before, done)


def test_the_kernel_alone_keeps_a_readable_folder_from_being_changed(
    kernel_alone: RunningApp, world: World
) -> None:
    before = world.hash()
    assert text_of(kernel_alone, "$DOCUMENTS", "a.txt") == CANARY, "the twin: what is declared works"
    there = {"root": "$DOCUMENTS", "path": "a.txt"}
    for cmd, args in (
        ("fs.write", {**there, "data": "", "mode": "replace"}),
        ("fs.write", {**there, "data": "", "mode": "append"}),
        ("fs.write", {**there, "path": "new", "data": "", "mode": "create"}),
        ("fs.remove", there),
        ("fs.mkdir", {**there, "path": "new"}),
    ):
        assert refusal(kernel_alone, cmd, args).code == "io_error"
    assert world.hash() == before


def test_the_kernel_alone_keeps_a_shared_folder_closed(kernel_alone: RunningApp, world: World) -> None:
    before = world.hash()
    error = refusal(kernel_alone, "fs.read", {"root": "$SHARED/notes", "path": "a.txt"})
    assert error.code == "capability_denied"
    assert "every side" in (error.because or "")
    assert world.hash() == before


def test_without_the_kernel_the_gate_still_gives_what_is_declared(
    gate_alone: RunningApp, world: World
) -> None:
    """The twin of the gate's denials: the variant runs, and its folders are really there to be taken."""
    assert text_of(gate_alone, "$DOCUMENTS", "a.txt") == CANARY
    assert text_of(gate_alone, pick(gate_alone), "a.txt") == CANARY
    assert gate_alone.client.call("embed.create", {"model": EMBED, "texts": ["a"]})["dimensions"] == 384
