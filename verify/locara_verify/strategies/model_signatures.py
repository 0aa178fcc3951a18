"""Signatures of a model that must be refused, and the honest one: made with the keys of a test instance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.strategies.bundles import FOLDER, applied

PLACE: Final = "models.json"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, and the one reason for which it must be refused; empty for the honest one."""

    name: str
    reason: str
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """One model with its digest, who signs it, the trust instance of a client, and all signatures."""

    model: Path
    digest: str
    identity: str
    trust: bytes
    honest: Signed
    forged: tuple[Signed, ...]


def shelf(fixtures: Path) -> Shelf:
    """What lies below the folder of fixtures. Raises OSError, ValueError, KeyError, TypeError when it is not whole."""
    whole = json.loads((fixtures / FOLDER / PLACE).read_bytes())
    good = whole["honest"]
    return Shelf(
        model=fixtures / whole["model"],
        digest=whole["digest"],
        identity=whole["identity"],
        trust=json.dumps(whole["trust"]).encode(),
        honest=Signed("honest", "", json.dumps(good, indent=1).encode()),
        forged=tuple(
            Signed(one["name"], one["reason"], applied(good, one["bundle"])) for one in whole["cases"]
        ),
    )
