"""When a signature was made: RFC 3161 timestamps, each of which must hold, and the log's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse
    from sigstore.models import TrustedRoot

MAX_AHEAD: Final = timedelta(minutes=10)
"""A signature may be this much younger than now, by clocks that differ."""
MAX_TOKENS: Final = 32


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp that holds: its time, and the certificates that vouch for it, up to the root."""

    time: datetime
    chain: tuple[Certificate, ...]


def stamped(tokens: Iterable[TimeStampResponse], signature: bytes, root: TrustedRoot) -> tuple[Stamp, ...]:
    """These timestamps over the signature.

    The library passes over a timestamp that does not verify when something else gives a time; here one that
    does not is a refusal. Raises TrustError `TIME_INVALID`.
    """
    listed = list(tokens)
    if len(listed) > MAX_TOKENS:
        raise TrustError(Reason.TIME_INVALID, f"there are more than {MAX_TOKENS} timestamps")
    return tuple(_stamp(one, signature, root) for one in listed)


def integrated(seconds: int) -> datetime:
    """The time that an older log wrote into an entry. Raises TrustError `TIME_INVALID` for no time at all."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TrustError(Reason.TIME_INVALID, "the time of the log entry is no time") from error


def settle(times: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """These times, when there is one and none lies ahead. Raises TrustError."""
    if not times:
        raise TrustError(Reason.TIME_MISSING, "nothing trusted says when the signature was made")
    ahead = max(times)
    if ahead > now + MAX_AHEAD:
        raise TrustError(
            Reason.TIME_INVALID, f"the signature was made at {ahead:%Y-%m-%d %H:%M:%S} UTC, which is to come"
        )
    return times


def _stamp(token: TimeStampResponse, signature: bytes, root: TrustedRoot) -> Stamp:
    try:
        time = token.tst_info.gen_time
    except ValueError as error:
        raise TrustError(Reason.TIME_INVALID, f"a timestamp cannot be read: {error}") from error
    problems = []
    for authority in root.get_timestamp_authorities():
        chain = authority.certificates(allow_expired=True)
        if problem := _refused(token, signature, chain):
            problems.append(problem)
            continue
        end = authority.validity_period_end
        if authority.validity_period_start <= time and (end is None or time < end):
            return Stamp(time, tuple(chain))
        problems.append("its authority was not in use then")
    why = problems[0] if problems else "the instance has no authority for timestamps"
    raise TrustError(Reason.TIME_INVALID, f"the timestamp of {time:%Y-%m-%d %H:%M:%S} UTC is refused: {why}")


def _refused(token: TimeStampResponse, signature: bytes, chain: list[Certificate]) -> str:
    """Why the authority with this chain did not make the token over the signature; empty when it did."""
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 - loaded with the verifier

    first, *between = chain
    if not between:
        return "the chain of its authority is not complete"
    builder = VerifierBuilder().tsa_certificate(first).add_root_certificate(between.pop())
    for one in between:
        builder = builder.add_intermediate_certificate(one)
    try:
        builder.build().verify_message(token, signature)
    except (VerificationError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
