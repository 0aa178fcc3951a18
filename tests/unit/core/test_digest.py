"""Content addresses."""

from __future__ import annotations

import hashlib

import pytest

from locara.core.digest import Digest

HEX = hashlib.sha256(b"locara").hexdigest()


def test_a_digest_is_read_back_from_its_text() -> None:
    digest = Digest.of(b"locara")
    assert digest.hex == HEX
    assert str(digest) == f"sha256:{HEX}"
    assert Digest.parse(str(digest)) == digest
    assert hash(Digest.parse(str(digest))) == hash(digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        f"sha256:{HEX.upper()}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"SHA256:{HEX}",
        f"sha512:{HEX}",
        "sha256:" + "g" * 64,
        "sha256:" + "٠" * 64,
        None,
        7,
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        Digest.parse(text)


def test_a_digest_cannot_be_made_of_something_else() -> None:
    with pytest.raises(ValueError, match="64"):
        Digest("nonsense")
