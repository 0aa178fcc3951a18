"""LC404: what each command may be told, by name. An argument that is not written here was published by nobody.

A new argument is a new power, whatever the manifest says: it is written down here first, and attacked as what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from locara_verify.checks.escape.live import Trial

RULE: Final = "LC404"
# Nested ones as outer.inner; what any JSON value may hold is not gone into.
PUBLISHED: Final[Mapping[str, str]] = {
    "app.commands": "",
    "app.info": "",
    "audio.close": "handle",
    "audio.open": "channels rate source",
    "audio.read": "atLeastMs handle maxBytes",
    "audit.capabilityLog": "limit",
    "background.begin": "mode",
    "background.end": "",
    "background.status": "",
    "camera.close": "handle",
    "camera.open": "height width",
    "camera.read": "handle",
    "clipboard.read": "",
    "clipboard.write": "text",
    "db.batch": "statements statements.params statements.sql",
    "db.exec": "params sql",
    "db.query": "params sql",
    "db.search": (
        "column embedding filter fts k metric mode rescore rescore.column rescore.oversample "
        "rescore.table table text"
    ),
    "embed.create": "model texts",
    "fs.dropped": "recursive",
    "fs.forget": "grant",
    "fs.list": "path root",
    "fs.mkdir": "path root",
    "fs.pick": "access kind multiple recursive remember",
    "fs.read": "encoding length offset path root",
    "fs.release": "handle",
    "fs.remembered": "",
    "fs.remove": "path root",
    "fs.reopen": "grant",
    "fs.stat": "path root",
    "fs.write": "data encoding mode path root",
    "llm.chat": (
        "maxTokens messages messages.content messages.role messages.toolCallId messages.toolCalls "
        "messages.toolCalls.arguments messages.toolCalls.id messages.toolCalls.tool model schema seed "
        "stop stream temperature thinking toolChoice toolChoice.tool tools topK topP"
    ),
    "net.fetch": "body headers maxBytes method url",
    "notify.show": "badge body modes title",
    "ocr.fromBytes": "data dpi languages layout",
    "ocr.fromFile": "dpi languages layout path root",
    "ocr.languages": "",
    "pdf.render": "dpi page path root",
    "pdf.text": "count first path root",
    "settings.delete": "key scope",
    "settings.get": "key scope",
    "settings.getAll": "scope",
    "settings.set": "key scope value",
    "settings.subscribe": "scopes",
    "settings.unsubscribe": "subscription",
    "shell.openExternal": "url",
    "tools.invoke": "input timeoutMs tool",
    "transcribe.close": "stream",
    "transcribe.fromFile": "language model path root stream",
    "transcribe.open": "language model rate",
    "transcribe.push": "data stream",
    "tts.speak": "format pitch rate text voice",
    "tts.voices": "",
}

Json = Any


def published(trial: Trial) -> None:
    """Each command there is takes the arguments that are written here, and no other."""
    from locara.runtime.arguments_model import as_pydantic  # noqa: PLC0415 - only live checks load the runtime
    from locara.runtime.commands import registered  # noqa: PLC0415 - as above

    for command, registration in registered().items():
        schema = as_pydantic(registration.args).model_json_schema(by_alias=True)
        found, due = set(names(schema, schema)), set(PUBLISHED.get(command, "").split())
        trial.tried(RULE)
        for name in sorted(found ^ due):
            what = "has an argument that nobody published" if name in found else "has lost an argument"
            trial.fail(RULE, f"a command {what}", f"{command}: {name}", command)


def names(schema: Mapping[str, Json], root: Mapping[str, Json], at: str = "") -> Iterator[str]:
    """The names of all arguments in a schema, with those inside them."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key, ()):
            yield from names(one, root, at)
    if "items" in schema:
        yield from names(schema["items"], root, at)
    for name, inner in schema.get("properties", {}).items():
        yield f"{at}{name}"
        yield from names(inner, root, f"{at}{name}.")
