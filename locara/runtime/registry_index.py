"""The index of models of the registry that this machine follows, out of the verified copy."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from locara.models.index import verified_index
from locara.runtime.state import default_state_root

if TYPE_CHECKING:
    from locara.models.index import Index


@cache
def registry_index() -> Index | None:
    """The index; None where no registry is followed, nothing was fetched yet, or it carries none.

    Opens no connection. Raises UpdateRefused ``copy_changed`` when the copy is not the one that was verified.
    """
    home = default_state_root() / "registry"
    if not (home / "registry.json").exists():
        return None  # the common case, without loading what verifies
    from locara.trust.repository.client import open_copy  # noqa: PLC0415 - as above
    from locara.trust.repository.home import Home  # noqa: PLC0415
    from locara.trust.repository.names import MODELS  # noqa: PLC0415
    from locara.trust.repository.refused import UpdateRefused  # noqa: PLC0415

    followed = Home(home)
    try:
        data = open_copy(followed, (MODELS,)).read(MODELS)
    except UpdateRefused as error:
        if error.code in {"no_copy", "unknown_target"}:
            return None
        raise
    return verified_index(data, base=followed.registry().targets_url)
