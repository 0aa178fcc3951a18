"""app.info and app.commands: what this app is and which commands its manifest opens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import locara
from locara.core.capability import Kind
from locara.runtime.arguments import NoArgs
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session


@command("app.info", lane=Lane.INLINE)
def info(session: Session, _call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{id, version, displayName, locara, platform, capabilities: {kind: declared}, models: [{id, digest,
    size}], profile: {name, fits, models: [id]} | null}`.

    capabilities holds what is granted, each with the text it was declared by; size is null for a model that
    is not on this machine. profile is the one that this machine's memory chose, null when the manifest has
    none; its models are those the app should use here.
    """
    grants, profile = session.grants, session.admitted.profile
    return {
        "id": grants.app_id,
        "version": grants.version,
        "displayName": grants.display_name,
        "locara": locara.__version__,
        "platform": sys.platform,
        "capabilities": {
            str(kind): origin.declared for kind in Kind if (origin := grants.origin(kind)) is not None
        },
        "models": [
            {"id": name, "digest": str(digest), "size": session.models.size(digest)}
            for name, digest in grants.models.items()
        ],
        "profile": None
        if profile is None
        else {**profile, "models": [name for name in profile["models"] if name in grants.models]},
    }


@command("app.commands", lane=Lane.INLINE)
def commands(session: Session, _call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{commands: [name]}`, sorted: the whole table of this app."""
    return {"commands": sorted(session.commands)}
