"""Secret files: strict modes, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from locara.trust.refusal import Reason, TrustError
from locara_registry.trust import private_files
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.keys import Algorithm, checked_name, key_id


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def refusal(place: Path) -> Reason:
    with pytest.raises(TrustError) as caught:
        private_files.read_private(place)
    return caught.value.reason


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    place = tmp_path / "key.pem"
    private_files.write(place, b"secret")
    return place


def test_a_secret_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_files.write(tmp_path / "a", b"x")
        private_files.make_folder(tmp_path / "b")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o600, 0o700)
    assert private_files.read_private(tmp_path / "a") == b"x"


@pytest.mark.parametrize(
    "wider", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o660, 0o666, 0o700, 0o777, 0o4600]
)
def test_a_wider_mode_is_refused_and_not_repaired(secret: Path, wider: int) -> None:
    secret.chmod(wider)
    assert refusal(secret) is Reason.MATERIAL_UNTRUSTED
    assert mode(secret) == wider
    secret.chmod(0o400)
    assert private_files.read_private(secret) == b"secret"


@pytest.mark.parametrize("wider", [0o701, 0o705, 0o710, 0o750, 0o755, 0o777])
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, wider: int) -> None:
    folder = tmp_path / "keys"
    private_files.make_folder(folder)
    private_files.make_folder(folder)
    folder.chmod(wider)
    with pytest.raises(TrustError, match="mode") as caught:
        private_files.make_folder(folder)
    assert caught.value.reason is Reason.MATERIAL_UNTRUSTED


def test_what_is_no_plain_file_is_refused(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("link", "pipe", "folder"):
        assert refusal(tmp_path / name) is Reason.MATERIAL_UNTRUSTED, name
    assert refusal(tmp_path / "absent") is Reason.MATERIAL_MISSING
    assert private_files.read_private(secret) == b"secret"


def test_a_file_of_somebody_else_is_refused(secret: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(secret, 12345, -1)
    assert refusal(secret) is Reason.MATERIAL_UNTRUSTED


def test_nothing_is_overwritten_and_nothing_is_left_behind(tmp_path: Path, secret: Path) -> None:
    with pytest.raises(FileExistsError):
        private_files.write(secret, b"other")
    assert secret.read_bytes() == b"secret"
    private_files.write(secret, b"other", replace=True)
    assert secret.read_bytes() == b"other"
    assert [place.name for place in tmp_path.iterdir()] == ["key.pem"]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_comes_back_and_is_never_overwritten(tmp_path: Path, algorithm: Algorithm) -> None:
    keys = FileKeys(tmp_path / "keys", passphrase=b"correct horse")
    made = keys.create("log-1", algorithm)
    assert keys.names() == ("log-1",)
    assert key_id(keys.open("log-1").public_key()) == key_id(made.public_key())
    with pytest.raises(FileExistsError):
        keys.create("log-1", algorithm)
    for wrong in (FileKeys(keys.folder), FileKeys(keys.folder, passphrase=b"guess")):
        with pytest.raises(TrustError) as caught:
            wrong.open("log-1")
        assert caught.value.reason is Reason.MATERIAL_UNTRUSTED
    keys.destroy("log-1")
    assert keys.names() == ()


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "a.b", "-a", "a" * 64, "1a", "a\n"])
def test_a_name_is_never_a_path(name: str) -> None:
    assert checked_name("log-1") == "log-1"
    with pytest.raises(ValueError, match="not a name"):
        checked_name(name)
