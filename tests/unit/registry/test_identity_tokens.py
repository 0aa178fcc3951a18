"""Tokens of builds and requests for timestamps that are right in all parts but one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.asymmetric import ec

from fixtures.trust.world import BUILD, World, new_world
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.identity import LIFE, IdentityService
from locara_registry.trust.keys import Algorithm, generate
from locara_registry.trust.moments import Moments

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = generate(Algorithm.P256)
assert isinstance(KEY, ec.EllipticCurvePrivateKey)
URL = "https://ci.example"
SERVICE = IdentityService(URL, KEY, Moments(now=lambda: NOW))


def token(key: Any = KEY, algorithm: str = "ES256", **claims: Any) -> str:
    """A good token but for these claims; None leaves one out."""
    good = {
        "iss": URL, "sub": BUILD.subject, "aud": "sigstore", "iat": AT, "nbf": AT, "exp": AT + 300, "jti": "1",
        "locara_build": BUILD.model_dump(exclude_none=True),
    }  # fmt: skip
    whole = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return jwt.encode(whole, key, algorithm=algorithm)


def test_a_good_token_names_its_build() -> None:
    assert SERVICE.check(token()) == SERVICE.check(SERVICE.mint(BUILD)) == BUILD
    longest = int(LIFE.total_seconds() * 2)
    assert SERVICE.check(token(exp=AT + longest)) == BUILD


WRONG: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": f"{URL}.evil.example"},
    "for another audience": {"aud": "somebody"},
    "for the same build at another ref": {"sub": f"{BUILD.source}@refs/heads/main"},
    "for another build": {"sub": "https://git.example/evil@refs/tags/v1"},
    "that is not good yet": {"nbf": AT + 1},
    "from the future": {"iat": AT + 1},
    "that ends now": {"exp": AT},
    "that has ended": {"exp": AT - 1},
    "that is good for too long": {"exp": AT + int(LIFE.total_seconds() * 2) + 1},
    "that was made long ago and is good for long": {"iat": AT - 300, "nbf": AT - 300, "exp": AT + 301},
    "whose end is no whole number": {"exp": AT + 300.5},
    "without a build": {"locara_build": None},
    "of a build with more to say": {"locara_build": {**BUILD.model_dump(exclude_none=True), "admin": "yes"}},
    **{f"without {name}": {name: None} for name in ("iss", "sub", "aud", "iat", "nbf", "exp", "jti")},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_token_that_is_wrong_in_one_part_is_refused(what: str) -> None:
    with pytest.raises(TrustError) as refused:
        SERVICE.check(token(**WRONG[what]))
    assert refused.value.reason is Reason.IDENTITY_MISMATCH


def test_a_token_of_another_key_or_of_none_is_refused() -> None:
    public = KEY.public_key().public_numbers()
    shared = f"{public.x}{public.y}" * 2
    for forged in (token(generate(Algorithm.P256)), token(None, "none"), token(shared, "HS256"), "", "a.b.c"):
        with pytest.raises(TrustError) as refused:
            SERVICE.check(forged)
        assert refused.value.reason is Reason.IDENTITY_MISMATCH


@pytest.fixture(scope="module")
def world() -> Any:
    with new_world("stamps") as made:
        yield made


def _asked(algorithm: str, digest: bytes, **more: Any) -> bytes:
    imprint = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
    raw: bytes = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, **more}).dump()
    return raw


def test_a_timestamp_answers_the_one_request_that_was_made(world: World) -> None:
    digest = hashlib.sha256(b"x").digest()
    for nonce in (1, 2**60):
        answer = world.instance.timestamps.answer(_asked("sha256", digest, nonce=nonce))
        token = tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]
        info = token["encap_content_info"]["content"].parsed
        assert info["nonce"].native == nonce
        assert info["message_imprint"]["hashed_message"].native == digest
        age = world.time - info["gen_time"].native
        assert timedelta() <= age < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("algorithm", "length"), [("sha1", 20), ("md5", 16), ("sha256", 31), ("sha256", 20), ("sha512", 32)]
)
def test_a_weak_hash_and_one_of_another_length_are_not_stamped(
    world: World, algorithm: str, length: int
) -> None:
    with pytest.raises(TrustError) as refused:
        world.instance.timestamps.answer(_asked(algorithm, bytes(length)))
    assert refused.value.reason is Reason.TIME_INVALID
