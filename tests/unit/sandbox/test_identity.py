from __future__ import annotations

import pytest

from locara.sandbox.linux.identity import Identity, ordinary_identity


def test_an_ordinary_user_stays_who_they_are() -> None:
    assert ordinary_identity(1000, {"SUDO_UID": "1", "SUDO_GID": "1"}) is None


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"SUDO_UID": "0", "SUDO_GID": "0"},
        {"SUDO_UID": "x", "SUDO_GID": "1"},
        {"SUDO_UID": "-5", "SUDO_GID": "-5"},
    ],
)
def test_root_becomes_nobody(environ: dict[str, str]) -> None:
    assert ordinary_identity(0, environ) == Identity(65534, 65534)


def test_root_behind_sudo_becomes_that_user() -> None:
    assert ordinary_identity(0, {"SUDO_UID": "1001", "SUDO_GID": "1002"}) == Identity(1001, 1002)


@pytest.mark.parametrize(("uid", "gid"), [(0, 5), (5, 0), (-1, 5)])
def test_no_identity_is_root(uid: int, gid: int) -> None:
    with pytest.raises(ValueError, match="never root"):
        Identity(uid, gid)
