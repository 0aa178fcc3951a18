"""Who signed: the signature is over the directories that are there, by the key of the certificate that comes along."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.macos.programs import RUNTIME, Recipe, Signer, new_signer, thin
from locara_verify.codesign.blobs import Beside, Signature, signature
from locara_verify.codesign.cms import signer
from locara_verify.codesign.macho import MalformedError, slices

NAME = "Developer ID Application: Example (TEAM123456)"


@pytest.fixture(scope="module")
def key() -> Signer:
    return new_signer(NAME)


def read(recipe: Recipe) -> Signature:
    (one,) = slices(thin(recipe))
    return signature(one, Beside())


@pytest.mark.parametrize("algorithms", [("sha256",), ("sha1", "sha256"), ("sha256", "sha384")])
def test_the_name_in_the_certificate_is_told(key: Signer, algorithms: tuple[str, ...]) -> None:
    assert signer(read(Recipe(signer=key, flags=RUNTIME, algorithms=algorithms))) == NAME


def test_a_signature_over_another_program_is_none(key: Signer) -> None:
    recipe = Recipe(signer=key, flags=RUNTIME, algorithms=("sha256", "sha384"))
    for other in (replace(recipe, identifier="another"), replace(recipe, flags=0)):
        with pytest.raises(MalformedError, match="signed another code directory"):
            signer(read(replace(recipe, signed_of=other)))


def test_every_directory_is_signed_and_not_the_first_alone(key: Signer) -> None:
    """A second directory that nobody signed would be believed by a system that reads the stronger one."""
    recipe = Recipe(signer=key, flags=RUNTIME, algorithms=("sha1", "sha256"))
    whole = read(recipe)
    for directories in (whole.directories[:1], whole.directories[::-1]):
        with pytest.raises(MalformedError, match=r"signed another|names other|names another"):
            signer(Signature(directories, whole.blobs))
    more = read(replace(recipe, identifier="another")).directories[1]
    with pytest.raises(MalformedError, match="names other code directories"):
        signer(Signature((whole.directories[0], more), whole.blobs))


def test_another_key_than_that_of_the_certificate_is_refused(key: Signer) -> None:
    mixed = Signer(new_signer().key, key.certificate)
    with pytest.raises(MalformedError, match="did not sign that"):
        signer(read(Recipe(signer=mixed, flags=RUNTIME)))


def test_no_byte_of_a_signature_breaks_the_reader(key: Signer) -> None:
    whole = read(Recipe(signer=key, flags=RUNTIME))
    assert signer(whole) == NAME
    noticed = 0
    for at in range(0, len(whole.cms), 3):
        changed = bytearray(whole.cms)
        changed[at] ^= 0x55
        try:
            signer(Signature(whole.directories, {**whole.blobs, 0x10000: bytes(changed)}))
        except MalformedError:
            noticed += 1
    assert noticed > len(whole.cms) // 9, "what is signed, and who signed it"
    for cut in (b"", b"\x30", whole.cms[:-1], whole.cms + b"\0", whole.cms[: len(whole.cms) // 2]):
        with pytest.raises(MalformedError, match="cannot be read"):
            signer(Signature(whole.directories, {0x10000: cut}))
