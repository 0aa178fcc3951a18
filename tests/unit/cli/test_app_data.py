"""An app's data as a verb sees it: what is no folder of its own is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from locara.cli.app_data import DataError, stopped
from locara.runtime.app_home import AppHome


@pytest.fixture
def home(tmp_path: Path) -> AppHome:
    home = AppHome(tmp_path / "apps/acme.notes")
    for folder in (home.database.parent, home.audit_log.parent):
        folder.mkdir(parents=True)
    return home


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "begun.partial").write_bytes(b"somebody else's")
    return folder


@pytest.mark.parametrize("there", [True, False])
def test_the_copies_of_a_database_may_be_a_folder_or_not_be_there_yet(home: AppHome, there: bool) -> None:
    if there:
        home.database.with_name("backups").mkdir()
    with stopped(home):
        assert home.audit_log.is_file()


@pytest.mark.parametrize("kind", ["a link", "a link to nothing", "a file"])
def test_the_copies_of_a_database_are_in_no_link(home: AppHome, elsewhere: Path, kind: str) -> None:
    place = home.database.with_name("backups")
    if kind == "a file":
        place.touch()
    else:
        place.symlink_to(elsewhere if kind == "a link" else elsewhere / "nothing")
    with pytest.raises(DataError, match="is not a folder"), stopped(home):
        pytest.fail("a verb went on")
    assert not home.audit_log.exists(), "the log was opened"
    assert [one.name for one in elsewhere.iterdir()] == ["begun.partial"]


def test_each_folder_of_the_data_is_no_link(home: AppHome, tmp_path: Path) -> None:
    for place in (home.database.parent, home.audit_log.parent, home.path):
        place.rename(tmp_path / "moved")
        place.symlink_to(tmp_path / "moved")
        with pytest.raises(DataError, match="is not a folder"), stopped(home):
            pytest.fail("a verb went on")
        place.unlink()
        (tmp_path / "moved").rename(place)
    with stopped(home):
        pass
