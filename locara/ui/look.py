"""How the window of an app looks when it opens: its name, where it was left, and what its menu tells."""

from __future__ import annotations

import os
from collections.abc import Mapping

from locara.core.consent import consent_text
from locara.models.cache import ModelCache, default_root
from locara.runtime.app import AppBundle
from locara.runtime.launch import model_sizes
from locara.runtime.state import StateFolder
from locara.ui.placement import placement_of
from locara.ui.plan import Look
from locara.ui.theme import prefers_dark


def look_of(bundle: AppBundle, entry: str, state: StateFolder) -> Look:
    """The look of the app's window; ``state`` knows where the person left it."""
    place = placement_of(state, bundle.grants.app_id)
    return Look(
        title=bundle.manifest.display_name,
        entry=entry,
        size=place.size,
        at=place.at,
        maximized=place.maximized,
        dark=prefers_dark(os.environ),
        about=about_of(bundle),
    )


def about_of(bundle: AppBundle) -> Mapping[str, tuple[str, ...]]:
    """What the menu tells of the app."""
    text = consent_text(bundle.grants, model_sizes=model_sizes(bundle, ModelCache(default_root())))
    return {"may": text.may, "models": text.models, "may_not": text.may_not}
