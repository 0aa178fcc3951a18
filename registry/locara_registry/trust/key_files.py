"""Private keys in files: one PKCS#8 PEM per key, for its owner alone, never overwritten."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from locara.trust.refusal import Reason, TrustError
from locara_registry.trust import private_files
from locara_registry.trust.keys import Algorithm, PrivateKey, checked_name, generate


class FileKeys:
    """Keys below one folder of mode 0700, each in ``<name>.pem`` of mode 0600.

    With a passphrase the files are encrypted; all keys of a folder share it.
    """

    def __init__(self, folder: Path, *, passphrase: bytes | None = None) -> None:
        self.folder = folder
        self._passphrase = passphrase

    def create(self, name: str, algorithm: Algorithm) -> PrivateKey:
        """Make a key and keep it. Raises FileExistsError when the name is taken."""
        key = generate(algorithm)
        self.keep(name, key)
        return key

    def keep(self, name: str, key: PrivateKey) -> None:
        """Keep a key that was made elsewhere."""
        private_files.make_folder(self.folder)
        private_files.write(self._place(name), _pem(key, self._passphrase))

    def open(self, name: str) -> PrivateKey:
        """The key of that name; see `Keys.open`."""
        place = self._place(name)
        content = private_files.read_private(place)
        try:
            key = load_pem_private_key(content, self._passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise TrustError(
                Reason.MATERIAL_UNTRUSTED, f"{place} is not a private key that the passphrase opens"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{place} is a key of another kind")
        return key

    def names(self) -> tuple[str, ...]:
        """Every name, sorted; none when the folder is not there."""
        return tuple(sorted(place.stem for place in self.folder.glob("[a-z]*.pem")))

    def destroy(self, name: str) -> None:
        """Remove the file. What a disk keeps of it is beyond a program."""
        self._place(name).unlink(missing_ok=True)

    def where(self, name: str) -> str:
        """The path of the file."""
        return f"file {self._place(name)}"

    def _place(self, name: str) -> Path:
        return self.folder / f"{checked_name(name)}.pem"


def passphrase_in(place: Path | None) -> bytes | None:
    """The first line of a passphrase file, which must be as private as a key; None without a file."""
    if place is None:
        return None
    line = private_files.read_private(place).split(b"\n")[0].rstrip(b"\r")
    if not line:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{place} holds no passphrase")
    return line


def _pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    how: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
