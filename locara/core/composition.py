"""What a tool may do in an app: what it needs *and* what the app is granted, never more than either.

Pure. The runtime gives a call exactly `Composition.rights`, and refuses it when something is missing, so a tool
never finds out by failing what it was not given.
"""

from __future__ import annotations

from locara.core.grant import Grants, intersect, widening
from locara.core.request import Request
from locara.records import dataclass


@dataclass(frozen=True, slots=True)
class Composition:
    """The rights of one tool in one app.

    `rights` allows a request exactly when the tool's needs and the app's Grants both do. `missing` are requests
    that the tool needs and the app is not granted, one or more per kind, `missing_tooling` the entries of
    `tooling` that the app would have to declare.
    """

    rights: Grants
    missing: tuple[Request, ...]
    missing_tooling: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the app is granted everything that the tool needs."""
        return not self.missing and not self.missing_tooling


def compose(app: Grants, needs: Grants) -> Composition:
    """The rights of a tool with these needs in an app with these Grants, told as the app's grants."""
    return Composition(
        rights=intersect(app, needs),
        missing=widening(app, needs),
        missing_tooling=tuple(sorted(needs.tooling - app.tooling)),
    )
