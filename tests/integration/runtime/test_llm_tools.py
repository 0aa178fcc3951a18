"""Tool calls and reasoning through the whole runtime: what a model writes meets the same gate as a frontend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locara.core.digest import Digest
from locara.errors import CallError, CapabilityDenied
from locara.models.cache import ModelCache
from locara.tools.cache import ToolCache, default_root
from locara_verify.strategies.puppets import AFTER_TOOL, puppet

LISTED = json.loads((Path(__file__).parents[3] / "fixtures/tools/tools.json").read_text())["tools"]
PINS = {tool["id"]: f"{tool['id']}@{tool['digest']}" for tool in LISTED}
STATS, CSV, DIGEST = "text-stats", "csv-to-json", "digest"
MENTIONS = "tools <tool_call></tool_call> <think></think>"


def written(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}</tool_call>"


SCRIPTS = {
    "count": written(STATS, text="two words"),
    "undeclared": "First. " + written(DIGEST, text="x"),
    "not offered": "Then. " + written(CSV, csv="a,b"),
    "both": "Well. " + written("no-such-tool") + written(STATS, text="again, two"),
    "wrong input": "Oh. " + written(STATS, text=1),
    "look-alikes": "".join(
        written(name, text=str(number))
        for number, name in enumerate(
            ("Text-stats", "text-stats ", "text\u2010stats", "ｔext-stats", PINS[STATS], "tools.invoke")
        )
    ),
    "think": "<think>One, two.</think>Two.",
    AFTER_TOOL: "It has two words.",
}


@pytest.fixture
def start(write_app, start_app, tmp_path):
    """The app with a puppet for a model, two declared tools, and these modalities."""
    data = puppet(SCRIPTS, mentions=MENTIONS)
    cache = ModelCache(tmp_path / "models")
    source = tmp_path / "puppet.gguf"
    source.write_bytes(data)
    cache.add_file(source)

    def begin(*modalities: str):
        granted = {"models": [f"puppet@{Digest.of(data)}"], "tools": [PINS[STATS], PINS[CSV]]}
        folder = write_app(granted, modalities=list(modalities))
        return start_app(folder, cache=cache, tools=ToolCache(default_root()))

    return begin


def chat(app, text: str, **fields: Any) -> dict[str, Any]:
    return app.client.call(
        "llm.chat", {"model": "puppet", "messages": [{"role": "user", "content": text}], **fields}
    )


def test_a_declared_tool_is_called_and_its_output_goes_back(start) -> None:
    app = start("text-to-text")
    first = chat(app, "count", tools=[STATS])
    (call,) = first["toolCalls"]
    assert (first["content"], first["refusedCalls"]) == ("", [])
    assert (call["tool"], call["arguments"]) == (STATS, {"text": "two words"})
    assert len(call["id"]) == 9
    output = app.client.call("tools.invoke", {"tool": call["tool"], "input": call["arguments"]})["output"]
    assert output["words"] == 2
    messages = [
        {"role": "user", "content": "count"},
        {"role": "assistant", "content": "", "toolCalls": [call]},
        {"role": "tool", "content": json.dumps(output), "toolCallId": call["id"]},
    ]
    last = app.client.call("llm.chat", {"model": "puppet", "messages": messages, "tools": [PINS[STATS]]})
    assert (last["content"], last["toolCalls"]) == ("It has two words.", [])
    assert "toolCalls" not in chat(app, "count"), "without tools a marker is text"


def test_a_tool_that_is_not_declared_is_refused_and_recorded(start) -> None:
    app = start("text-to-text")
    found = chat(app, "undeclared", tools=[STATS])
    (refused,) = found["refusedCalls"]
    assert found["toolCalls"] == []
    assert found["content"] == "First. "
    assert (refused["tool"], refused["code"]) == (DIGEST, "capability_denied")
    assert "does not declare" in refused["because"] or "not" in refused["because"]
    assert f'"{DIGEST}@sha256:' in refused["fix"]
    (entry,) = [
        entry
        for entry in app.client.call("audit.capabilityLog", {"limit": 50})["entries"]
        if entry["cmd"] == "llm.chat" and not entry["allowed"]
    ]
    assert (entry["capability"], entry["request"]) == ("tools", {"tool": DIGEST})


def test_a_declared_tool_that_was_not_offered_is_refused(start) -> None:
    app = start("text-to-text")
    (refused,) = chat(app, "not offered", tools=[STATS])["refusedCalls"]
    assert (refused["code"], refused["because"]) == (
        "capability_denied",
        "this llm.chat call did not offer the tool to the model",
    )
    assert [one["tool"] for one in chat(app, "not offered", tools=[STATS, CSV])["toolCalls"]] == [CSV]


def test_one_refused_call_does_not_hide_the_next(start) -> None:
    found = chat(start("text-to-text"), "both", tools=[STATS])
    assert [one["tool"] for one in found["toolCalls"]] == [STATS]
    assert [one["tool"] for one in found["refusedCalls"]] == ["no-such-tool"]


def test_arguments_that_the_tool_would_not_take_are_no_call(start) -> None:
    (refused,) = chat(start("text-to-text"), "wrong input", tools=[STATS])["refusedCalls"]
    assert refused["code"] == "bad_request"
    assert "/text breaks type" in refused["because"]


def test_a_name_that_is_not_exactly_the_tools_is_another(start) -> None:
    found = chat(start("text-to-text"), "look-alikes", tools=[STATS])
    assert found["toolCalls"] == []
    assert [one["code"] for one in found["refusedCalls"]] == ["capability_denied"] * 6


def test_what_is_offered_is_decided_too(start) -> None:
    app = start("text-to-text")
    for name in (DIGEST, PINS[DIGEST], f"{STATS}@sha256:{'0' * 64}", "", STATS.upper()):
        with pytest.raises((CapabilityDenied, CallError)) as caught:
            chat(app, "count", tools=[name])
        assert caught.value.code in ({"capability_denied"} if name else {"bad_request"})
    wrong: tuple[dict[str, Any], ...] = (
        {"tools": [STATS, PINS[STATS]]},
        {"tools": [STATS], "toolChoice": {"tool": CSV}},
        {"tools": [STATS], "toolChoice": {"tool": f"{STATS}@sha256:{'0' * 64}"}},
        {"tools": [STATS], "toolChoice": {"tool": f"{STATS}@"}},
        {"toolChoice": "required"},
        {"tools": [STATS], "toolChoice": "any"},
        {"tools": [STATS], "schema": {"type": "null"}},
    )
    for fields in wrong:
        with pytest.raises(CallError) as bad:
            chat(app, "count", **fields)
        assert bad.value.code == "bad_request"


def test_a_choice_of_none_and_a_forced_one(start) -> None:
    app = start("text-to-text")
    none = chat(app, "count", tools=[STATS], toolChoice="none")
    assert (none["toolCalls"], none["refusedCalls"]) == ([], [])
    assert none["content"] == SCRIPTS["count"]
    for choice in ("required", {"tool": STATS}, {"tool": PINS[STATS]}):
        (call,) = chat(app, "think", tools=[STATS], toolChoice=choice, maxTokens=1_000)["toolCalls"]
        assert call["tool"] == STATS
        assert set(call["arguments"]) == {"text"}


def test_thinking_needs_its_modality(start) -> None:
    app = start("text-to-text")
    with pytest.raises(CapabilityDenied) as caught:
        chat(app, "think", thinking=True)
    assert caught.value.fix == '"modalities": ["text-to-text-thinking"]'
    assert chat(app, "think")["content"] == "Two."


def test_thinking_is_streamed_apart_and_absent_unless_asked(start) -> None:
    app = start("text-to-text-thinking")
    args = {"model": "puppet", "messages": [{"role": "user", "content": "think"}], "stream": True}
    stream = app.client.stream("llm.chat", {**args, "thinking": True})
    events = list(stream)
    kinds = [event["type"] for event in events]
    assert kinds == sorted(kinds, reverse=True), "reasoning comes first"
    assert "".join(event["text"] for event in events if event["type"] == "reasoning") == "One, two."
    assert (stream.result["reasoning"], stream.result["content"]) == ("One, two.", "Two.")
    stream = app.client.stream("llm.chat", args)
    assert {event["type"] for event in stream} == {"delta"}
    assert "reasoning" not in stream.result
    assert stream.result["content"] == "Two."
    assert stream.result["usage"]["reasoningTokens"] > 0
