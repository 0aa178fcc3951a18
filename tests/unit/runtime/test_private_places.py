"""What no pick hands over, and where the person's folders are."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CapabilityDenied
from locara.runtime.private_places import PrivatePlaces
from locara.runtime.user_folders import default_user_roots

NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=12
)
PARTS = st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=4)


@pytest.fixture
def places(tmp_path: Path) -> PrivatePlaces:
    for name in ("home/Documents", "home/.ssh", "state/consent", "apps/acme.other"):
        (tmp_path / name).mkdir(parents=True)
    return PrivatePlaces.of(tmp_path / "state", tmp_path / "apps", home=tmp_path / "home")


def test_each_kind_of_place_is_refused_in_its_own_words(places: PrivatePlaces, tmp_path: Path) -> None:
    for path, words in {
        "/": "whole disk",
        tmp_path / "home": "whole home folder",
        tmp_path: "what Locara keeps",
        tmp_path / "home/.ssh": "keys and settings",
        tmp_path / "home/.ssh/id_ed25519": "keys and settings",
        tmp_path / "home/Documents/../.ssh/id": "keys and settings",
        tmp_path / "apps/acme.other/db": "what Locara keeps",
        tmp_path / "state": "what Locara keeps",
        "/etc/passwd": "belongs to the system",
        "/proc/self/fd": "belongs to the system",
        "/run": "belongs to the system",
        "/run/user": "belongs to the system",
        "/var": "belongs to the system",
    }.items():
        assert words in (places.refusal(Path(path)) or ""), path


def test_what_a_person_has_beside_is_theirs_to_give(places: PrivatePlaces, tmp_path: Path) -> None:
    for path in (
        tmp_path / "home/Documents",
        tmp_path / "home/project/.git/config",
        tmp_path / "home/letter.txt",
        tmp_path / "elsewhere",
        Path("/media/anna/stick"),
        Path("/mnt/archive/2024"),
        Path("/run/media/anna/stick"),
        Path("/run/user/1000/doc/1234/letter.pdf"),
        Path("/srv/etc/letters"),
    ):
        assert places.refusal(path) is None, path


def test_links_are_judged_by_where_they_lead(places: PrivatePlaces, tmp_path: Path) -> None:
    (tmp_path / "home/Documents/keys").symlink_to(tmp_path / "home/.ssh")
    (tmp_path / "home/.letters").symlink_to(tmp_path / "home/Documents")
    assert places.refusal(tmp_path / "home/Documents/keys/id")
    assert places.refusal(tmp_path / "home/.letters") is None


@settings(deadline=None, max_examples=100)
@given(parts=PARTS)
def test_a_folder_that_holds_a_private_place_is_as_private(parts: list[str]) -> None:
    places = PrivatePlaces(Path("/nowhere/at/all/home"), (Path("/nowhere/kept"),))
    home, first = places.home, parts[0].startswith(".")
    assert (places.refusal(home.joinpath(*parts)) is not None) == first
    assert all(places.refusal(above) for above in home.parents)
    assert places.refusal(Path("/nowhere/kept").joinpath(*parts))
    assert places.refusal(Path("/nowhere/beside").joinpath(*parts)) is None


def test_what_is_open_is_judged_by_its_place_and_by_no_name(places: PrivatePlaces, tmp_path: Path) -> None:
    (tmp_path / "home/exchanged").symlink_to(tmp_path / "home/Documents")
    (tmp_path / "home/.ssh").rename(tmp_path / "home/.ssh.old")
    (tmp_path / "home/.ssh").symlink_to(tmp_path / "home/Documents")
    with pytest.raises(CapabilityDenied, match=r"id is where programs keep") as caught:
        places.judge(tmp_path / "home/.ssh/id")  # it was open before the name was exchanged
    assert (caught.value.capability, bool(caught.value.fix)) == ("fs.user-selected", True)
    places.judge(tmp_path / "home/exchanged")
    places.judge(tmp_path / "home/Documents")


# -- the person's folders


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    (tmp_path / ".config").mkdir()
    for name in ("Documents", "Dokumente", "Music", 'with "quotes"'):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_usual_folders_that_exist(home: Path) -> None:
    assert default_user_roots() == {"documents": home / "Documents", "music": home / "Music"}


def test_folders_have_the_names_that_the_desktop_gave_them(home: Path) -> None:
    lines = (
        "# written by the desktop",
        'XDG_DOCUMENTS_DIR="$HOME/Dokumente"',
        'XDG_PICTURES_DIR="$HOME/with \\"quotes\\""',
        'XDG_MUSIC_DIR="$HOME/"',
        'XDG_VIDEOS_DIR="/etc"',
        'XDG_DOWNLOAD_DIR="$HOME/.ssh"',
        "XDG_DESKTOP_DIR=`id`",
        'XDG_DESKTOP_DIR="relative"',
        'XDG_OTHER_DIR="$HOME/Music"',
    )
    (home / ".ssh").mkdir()
    (home / ".config/user-dirs.dirs").write_text("\n".join(lines), encoding="utf-8")
    assert default_user_roots() == {"documents": home / "Dokumente", "pictures": home / 'with "quotes"'}


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"XDG_DOCUMENTS_DIR=\0"])
def test_a_damaged_list_of_folders_is_none(home: Path, data: bytes) -> None:
    (home / ".config/user-dirs.dirs").write_bytes(data)
    assert default_user_roots()["documents"] == home / "Documents"


# -- where a path leads


def test_a_path_that_was_exchanged_between_two_looks_is_looked_at_again_and_not_for_ever(
    places: PrivatePlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, real = [0], os.path.realpath

    def exchanged(times: int) -> None:
        def look(path: Path) -> str:
            looks[0] += 1
            if looks[0] <= times:
                raise OSError(errno.EINVAL, "exchanged meanwhile")
            return real(path)

        looks[0] = 0
        monkeypatch.setattr(os.path, "realpath", look)

    exchanged(3)
    assert places.refusal(tmp_path / "home/.ssh")
    assert looks == [4]
    exchanged(10**9)
    with pytest.raises(OSError, match="exchanged"):
        places.refusal(tmp_path / "home/Documents")
    assert looks[0] < 100
    exchanged(looks[0] - 1)
    assert places.refusal(tmp_path / "home/Documents") is None, "the last look counts as any other"


@pytest.mark.parametrize(("system", "kept"), [("darwin", True), ("linux", False)])
def test_the_library_of_a_person_is_private_where_it_is_one(
    system: str, kept: bool, places: PrivatePlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    for name in ("Library", "library/Keychains"):
        assert (places.refusal(tmp_path / "home" / name) is not None) == kept
    assert places.refusal(tmp_path / "home/Documents/Library") is None
