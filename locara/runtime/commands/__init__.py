"""The commands of the runtime, one module per area, and the table that one app's Grants open.

A command of a capability that the app does not declare is not registered for it at all: there is no handler
to reach, whatever name, case or spelling is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from locara.core.grant import Grants
from locara.core.surface import command_table
from locara.runtime.commands import (
    app,
    audio,
    audit,
    background,
    camera,
    db,
    desktop,
    embed,
    fs,
    llm,
    net,
    ocr,
    pdf,
    settings,
    tools,
    transcribe,
    tts,
)
from locara.runtime.commands.registry import REGISTERED, Command

MODULES = (
    *(app, audio, audit, background, camera, db, desktop, embed),
    *(fs, llm, net, ocr, pdf, settings, tools, transcribe, tts),
)


def table(grants: Grants) -> Mapping[str, Command]:
    """Name to command, for exactly the commands that these Grants open."""
    return MappingProxyType({name: REGISTERED[name] for name in sorted(command_table(grants))})


__all__ = ["MODULES", "REGISTERED", "Command", "table"]
