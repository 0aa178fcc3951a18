"""Private keys in a hardware token, through its PKCS#11 module: made there, used there, and they never leave it.

What a token does not offer (Ed25519, on many) is kept in a file instead, and `TokenKeys.where` says so.
"""

# ruff: noqa: PLC0415 - the binding loads a module of the token's maker, so only those who have a token import it

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.keys import Algorithm, PrivateKey, checked_name, is_name
from locara_registry.trust.token_place import TokenPlace

if TYPE_CHECKING:
    import pkcs11

_SESSIONS: Final[dict[tuple[str, str], pkcs11.Session]] = {}
_LOCK: Final = threading.RLock()
"""A session does one thing at a time, and a login counts for the whole process: so one of each, and one lock."""


class TokenKeys:
    """Keys by their label in one token, and beside it the folder for kinds of keys that the token does not offer.

    The PIN is asked of ``place`` once per process.
    """

    def __init__(self, place: TokenPlace, files: FileKeys) -> None:
        self.place = place
        self.files = files

    def create(self, name: str, algorithm: Algorithm) -> PrivateKey:
        """Make a key inside the token, which can never be taken out. Raises FileExistsError when it is taken."""
        if checked_name(name) in self.names():
            raise FileExistsError(f"{name} is in {self.where(name)}")
        with self._session() as session:
            if not _offers(session, algorithm):
                return self.files.create(name, algorithm)
            _make(session, name, algorithm)
        return self.open(name)

    def open(self, name: str) -> PrivateKey:
        """The key of that name; see `Keys.open`. One that could leave the token is refused."""
        from locara_registry.trust.token_signing import opened

        if name not in self._labels():
            return self.files.open(name)
        if name in self.files.names():
            raise TrustError(
                Reason.MATERIAL_UNTRUSTED, f"the key {name} is in a file and in the token {self.place.label}"
            )
        with self._session() as session:
            return opened(session, name, self._session)

    def names(self) -> tuple[str, ...]:
        """Every name in the token or in the folder, sorted."""
        return tuple(sorted({*self._labels(), *self.files.names()}))

    def destroy(self, name: str) -> None:
        """Remove both halves from the token, and the file."""
        from pkcs11 import Attribute, ObjectClass

        with self._session() as session:
            for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                found = session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: checked_name(name)})
                for one in list(found):
                    one.destroy()
        self.files.destroy(name)

    def where(self, name: str) -> str:
        """The token or the file that holds the key."""
        return f"token {self.place.label}" if name in self._labels() else self.files.where(name)

    def _labels(self) -> frozenset[str]:
        from pkcs11 import Attribute, ObjectClass

        with self._session() as session:
            found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
            labels = [str(one[Attribute.LABEL]) for one in found]
        return frozenset(label for label in labels if is_name(label))

    @contextmanager
    def _session(self) -> Iterator[pkcs11.Session]:
        """The open session, for one thread. What goes wrong with the token in it is a TrustError."""
        with _LOCK, _refusals(self.place):
            known = (str(self.place.module), self.place.label)
            if known not in _SESSIONS:
                _SESSIONS[known] = _login(self.place)
            yield _SESSIONS[known]


def _login(place: TokenPlace) -> pkcs11.Session:
    import pkcs11

    if not place.module.is_file():
        raise TrustError(Reason.MATERIAL_MISSING, f"the PKCS#11 module {place.module} is not there")
    token = pkcs11.lib(str(place.module)).get_token(token_label=place.label)
    return token.open(user_pin=place.pin(), rw=True)


@contextmanager
def _refusals(place: TokenPlace) -> Iterator[None]:
    try:
        import pkcs11
    except ImportError as error:
        raise TrustError(
            Reason.MATERIAL_MISSING,
            "keys in a token need the package python-pkcs11",
            fix="install the registry with its extra `hsm`",
        ) from error
    token = f"the token {place.label}"
    try:
        yield
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise TrustError(
            Reason.MATERIAL_LOCKED, f"{token} does not take this PIN", fix="a token locks after a few of them"
        ) from error
    except (pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.exceptions.UserPinNotInitialized) as error:
        raise TrustError(
            Reason.MATERIAL_LOCKED, f"the PIN of {token} is locked, has ended or was never set"
        ) from error
    except (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.DeviceRemoved) as error:
        raise TrustError(
            Reason.MATERIAL_MISSING, f"{token} is not there", fix=f"asked of {place.module}"
        ) from error
    except pkcs11.MultipleTokensReturned as error:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{token} is there twice") from error
    except pkcs11.PKCS11Error as error:
        raise TrustError(
            Reason.MATERIAL_UNTRUSTED, f"{token} failed: {type(error).__name__} {error}".rstrip()
        ) from error


def _offers(session: pkcs11.Session, algorithm: Algorithm) -> bool:
    from pkcs11 import Mechanism

    wanted = (
        {Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA}
        if algorithm is Algorithm.ED25519
        else {Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA}
    )
    return wanted <= set(session.token.slot.get_mechanisms())


def _make(session: pkcs11.Session, name: str, algorithm: Algorithm) -> None:
    from pkcs11 import Attribute, KeyType, MechanismFlag
    from pkcs11.util.ec import encode_named_curve_parameters

    curve = {Algorithm.P256: "secp256r1", Algorithm.P384: "secp384r1"}.get(algorithm, "1.3.101.112")
    kind = KeyType.EC_EDWARDS if algorithm is Algorithm.ED25519 else KeyType.EC
    domain = session.create_domain_parameters(
        kind, {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}, local=True
    )
    domain.generate_keypair(
        store=True,
        label=name,
        id=name.encode(),
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
