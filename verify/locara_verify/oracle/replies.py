"""What each command answers, by name: no more is told than stands here, from the reference of the commands.

What a reply tells beyond that is a way out for something, or in: the memory that is free tells of other apps, and when
a file was read last tells of the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ONE: Final = "one value"
ANY: Final = "any JSON value"

Shape = Any
"""ONE, ANY, the shape of each item in a list of one, or the shapes of members by name."""


def _named(words: str, /, **more: Shape) -> dict[str, Shape]:
    return {**dict.fromkeys(words.split(), ONE), **more}


_PICKED: Final = _named("handle name kind size grant")
_CALL: Final = _named("id tool", arguments=ANY)
_CHANGE: Final = _named("changes lastRowId", columns=[ONE], rows=[[ANY]])
_SEGMENT: Final = _named("start end text")
_HEARD: Final = {
    **_named("text duration language finishReason"),
    "segments": [_SEGMENT],
    "usage": _named("outputTokens msTotal"),
}
_WORD: Final = _named("text x y width height confidence block paragraph line")
_READ: Final = {"text": ONE, "pages": [_named("page width height text", words=[_WORD])], "format": ONE}

REPLIES: Final[Mapping[str, Shape]] = {
    "app.info": _named(
        "id version displayName locara platform",
        capabilities=ANY,
        models=[_named("id digest size")],
        profile=_named("name fits", models=[ONE]),
    ),
    "app.commands": {"commands": [ONE]},
    "audit.capabilityLog": {
        "entries": [_named("v seq time app cmd capability allowed because prev hash", request=ANY)]
    },
    "settings.get": {"value": ANY, "found": ONE},
    "settings.set": {},
    "settings.getAll": {"settings": ANY},
    "settings.delete": {"deleted": ONE},
    "settings.subscribe": {"reason": ONE},
    "settings.unsubscribe": {"ended": ONE},
    "db.query": {"columns": [ONE], "rows": [[ANY]]},
    "db.exec": _CHANGE,
    "db.batch": {"results": [_CHANGE]},
    "db.search": {"hits": [{**_named("score distance rank"), "id": ANY}]},
    "llm.chat": {
        **_named("content finishReason reasoning"),
        "usage": _named("inputTokens outputTokens reasoningTokens msTotal msFirstToken"),
        "toolCalls": [_CALL],
        "refusedCalls": [{**_CALL, **_named("code because fix")}],
    },
    "embed.create": {"vectors": [[ONE]], "dimensions": ONE, "usage": {"inputTokens": ONE}},
    "tools.invoke": {"output": ANY, "usage": _named("fuel ms memoryBytes")},
    "fs.pick": {"handles": [_PICKED]},
    "fs.dropped": {"handles": [_PICKED]},
    "fs.remembered": {"grants": [_named("grant name kind access recursive picked")]},
    "fs.reopen": _PICKED,
    "fs.forget": {"forgotten": ONE},
    "fs.release": {},
    "fs.read": _named("data bytes size eof"),
    "fs.list": {"entries": [_named("name kind size")], "truncated": ONE},
    "fs.stat": _named("kind size modified"),
    "fs.write": {"size": ONE},
    "fs.remove": {},
    "fs.mkdir": {},
    "net.fetch": {"status": ONE, "headers": [[ONE]], "body": ONE},
    "clipboard.read": {"text": ONE},
    "clipboard.write": {},
    "notify.show": {},
    "shell.openExternal": {},
    "background.begin": {"mode": ONE},
    "background.end": {},
    "background.status": _named("mode granted window"),
    "audio.open": _named("handle rate channels format"),
    "audio.read": _named("data samples dropped ended"),
    "audio.close": {},
    "camera.open": {"handle": ONE},
    "camera.read": _named("data format width height dropped"),
    "camera.close": {},
    "transcribe.fromFile": _HEARD,
    "transcribe.open": {"stream": ONE},
    "transcribe.push": {"segments": [_SEGMENT]},
    "transcribe.close": {**_HEARD, "last": [_SEGMENT]},
    "ocr.fromFile": _READ,
    "ocr.fromBytes": _READ,
    "pdf.text": {"pageCount": ONE, "pages": [_named("page width height text hasText damaged")]},
    "pdf.render": _named("page width height data"),
    "ocr.languages": {"languages": [ONE]},
    "tts.speak": _named("data rate duration format"),
    "tts.voices": {"voices": [_named("id name gender")]},
}
"""By command. A member may be left out; one that does not stand here may not be there."""


def beyond(command: str, result: object) -> str | None:
    """What a reply tells that it does not say it tells, as the way to it; None when it tells no more."""
    return _beyond(REPLIES[command], result, "result") if command in REPLIES else f"the answer of {command}"


def _beyond(shape: Shape, value: object, way: str) -> str | None:
    if shape == ANY or value is None:
        return None
    if isinstance(shape, list):
        items = value if isinstance(value, list) else [value]
        found = (_beyond(shape[0], item, f"{way}[]") for item in items[:200])
        return next((one for one in found if one is not None), None)
    if shape == ONE:
        return way if isinstance(value, dict | list) else None
    if not isinstance(value, dict):
        return way
    for name, item in value.items():
        one = _beyond(shape[name], item, f"{way}.{name}") if name in shape else f"{way}.{name}"
        if one is not None:
            return one
    return None
