"""Whether the parts of an instance can do their work, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509

from locara.records import dataclass
from locara.trust.refusal import TrustError
from locara_registry.trust.keys import Keys, public_pem
from locara_registry.trust.record import Part, Record

SOON: Final = timedelta(days=30)


class Health(StrEnum):
    """How a part is."""

    GOOD = "good"
    SOON = "renew soon"
    RETIRED = "retired"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, why in a few words, and where its key is (empty: it is not needed any more)."""

    part: Part
    health: Health
    words: str
    where: str = ""

    def as_json(self) -> dict[str, str | None]:
        """The finding for a program."""
        return {
            "role": self.part.role.value,
            "key": self.part.key,
            "since": self.part.since.isoformat(),
            "until": None if self.part.until is None else self.part.until.isoformat(),
            "health": self.health.value,
            "words": self.words,
            "where": self.where,
        }


def look(record: Record, keys: Keys, now: datetime) -> tuple[Finding, ...]:
    """A finding for every part: the keys of those at work are opened, and compared with what is published."""
    return tuple(_look(one, keys, now) for one in record.parts)


def _look(part: Part, keys: Keys, now: datetime) -> Finding:
    if part.until is not None:
        return Finding(part, Health.RETIRED, f"retired on {part.until:%Y-%m-%d}")
    try:
        public, where = public_pem(keys.open(part.key)), keys.where(part.key)
    except TrustError as error:
        return Finding(part, Health.BROKEN, error.message)
    if public != part.public:
        return Finding(part, Health.BROKEN, "the private key is not the one that is published", where)
    return replace(_ends(part, now), where=where)


def _ends(part: Part, now: datetime) -> Finding:
    if not part.chain:
        return Finding(part, Health.GOOD, f"in use since {part.since:%Y-%m-%d}")
    end = x509.load_pem_x509_certificate(part.chain[0].encode()).not_valid_after_utc
    if end <= now:
        return Finding(
            part, Health.BROKEN, f"its certificate ended on {end:%Y-%m-%d}: trust rotate {part.role}"
        )
    if end - now < SOON:
        return Finding(part, Health.SOON, f"good until {end:%Y-%m-%d}: trust rotate {part.role}")
    return Finding(part, Health.GOOD, f"good until {end:%Y-%m-%d}")
