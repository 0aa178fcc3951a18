"""The identity service of our CI: a signed token that says which build is asking for a certificate (OpenID Connect).

The control plane of the CI mints one token per build job, for a few minutes. The certificate authority takes it
as the only word on what is built from where, so a token never comes from the build itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_model
from locara_registry.trust.keys import key_id
from locara_registry.trust.moments import Moments

AUDIENCE: Final = "sigstore"
LIFE: Final = timedelta(minutes=5)
_CLAIM: Final = "locara_build"
_Address = Annotated[str, Field(pattern=r"^https://[!-~]{1,2040}$")]
_Commit = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
_Word = Annotated[str, Field(pattern=r"^[!-~]{1,512}$")]


class Build(BaseModel):
    """One build job, in the words of the certificate's extensions (see `locara.trust.bundle.certificate`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    builder: _Address
    source: _Address
    commit: _Commit
    ref: _Word
    config: _Address
    invocation: _Address
    owner: _Address
    builder_digest: _Commit | None = None
    config_digest: _Commit | None = None
    runner: _Word = "locara-hosted"
    source_id: _Word | None = None
    owner_id: _Word | None = None
    trigger: _Word = "publish"
    visibility: _Word = "public"

    @property
    def subject(self) -> str:
        """Who it is, for the token: repository and ref."""
        return f"{self.source}@{self.ref}"


@dataclass(frozen=True, slots=True)
class IdentityService:
    """Mints and checks tokens. ``url`` is the issuer that certificates name."""

    url: str
    key: ec.EllipticCurvePrivateKey
    moments: Moments

    def mint(self, build: Build, *, life: timedelta = LIFE) -> str:
        """A token for one build, good for ``life`` from now."""
        now = self.moments.second()
        claims = {
            "iss": self.url,
            "sub": build.subject,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
            "jti": self.moments.random(16).hex(),
            _CLAIM: build.model_dump(exclude_none=True),
        }
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.kid})

    def check(self, token: str) -> Build:
        """The build that a token of this service names, while it is good.

        Raises TrustError `IDENTITY_MISMATCH`: no token, another issuer, audience or key, past its time, or it
        names no build.
        """
        try:
            claims = jwt.decode(
                token,
                self.key.public_key(),
                algorithms=["ES256"],
                audience=AUDIENCE,
                issuer=self.url,
                options={
                    "require": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except Exception as error:
            raise TrustError(Reason.IDENTITY_MISMATCH, f"the token is refused: {error}") from error
        now = self.moments.now().timestamp()
        times = [claims["nbf"], claims["iat"], claims["exp"]]
        if not all(isinstance(one, int) for one in times) or not max(times[:2]) <= now < times[2]:
            raise TrustError(Reason.IDENTITY_MISMATCH, "the token is not good at this time")
        if times[2] - times[1] > LIFE.total_seconds() * 2:
            raise TrustError(Reason.IDENTITY_MISMATCH, "the token is good for longer than any that is minted")
        build = read_model(claims.get(_CLAIM), Build, "token", Reason.IDENTITY_MISMATCH)
        if claims["sub"] != build.subject:
            raise TrustError(Reason.IDENTITY_MISMATCH, "the token's subject is another build")
        return build

    @property
    def kid(self) -> str:
        """The id of the key in the key set."""
        return key_id(self.key.public_key()).hex()[:16]

    def discovery(self) -> dict[str, Any]:
        """What `/.well-known/openid-configuration` says."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def key_set(self) -> dict[str, Any]:
        """The public keys, as a JSON Web Key Set."""
        key: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "ES256"}]}


def said(build: Build, issuer: str) -> dict[str, str]:
    """What a certificate says about a build: values by the names of `Signer`'s fields."""
    values = {"issuer": issuer, **build.model_dump(exclude_none=True)}
    return {name: str(value) for name, value in values.items()}
