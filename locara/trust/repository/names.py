"""The names of targets: what an update repository carries, and where. Both sides use these and no others."""

from __future__ import annotations

import re
from typing import Final

from locara.core.fields import APP_ID_PATTERN, VERSION_PATTERN

TRUSTED_ROOT: Final = "trusted_root.json"
SIGNING_CONFIG: Final = "signing_config.v0.2.json"
TRUST_INSTANCE: Final = "trust_instance.json"
MODELS: Final = "models/index.json"
TOOLS: Final = "tools/index.json"
REVOCATIONS: Final = "revocations/list.json"
URGENT: Final = "revocations/urgent.json"

REQUIRED: Final = (REVOCATIONS, URGENT)
"""Without these a copy is of no use."""
OPTIONAL: Final = (TRUSTED_ROOT, SIGNING_CONFIG, TRUST_INSTANCE, MODELS, TOOLS)
"""What every client keeps where the repository has it."""

_APP: Final = re.compile(APP_ID_PATTERN)
_VERSION: Final = re.compile(VERSION_PATTERN)


def app_target(app_id: str, version: str) -> str:
    """The target of one version of an app. ValueError for what is not an app or a version."""
    if not _APP.fullmatch(app_id) or not _VERSION.fullmatch(version):
        raise ValueError(f"{app_id!r} {version!r} is not a version of an app")
    return f"apps/{app_id}/{version}.json"
