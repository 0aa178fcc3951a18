"""What DocVault saves where the person picked: whole, readable by others, never over a file that is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from .conftest import DOCUMENTS, Drive

NAMES = ("project-notes.md", "team-handbook.pdf")
QUESTION = "What is the budget of project Orion?"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(DOCUMENTS / name, folder)
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    return folder


def test_an_answer_and_a_vault_are_saved_and_no_file_is_written_over(
    drive: Drive, tmp_path: Path, papers: Path, saved: Path
) -> None:
    (saved / "My documents.json").write_text("mine")
    place = str(saved)
    lines = drive(
        tmp_path / "data",
        ["import"],
        ["saveAnswer", QUESTION, "md", place],
        ["saveAnswer", QUESTION, "json", place],
        ["saveAnswer", QUESTION, "json", place],
        ["save", "md", place],
        ["save", "json", place],
        pick=papers,
    )
    assert [line.error for line in lines] == [None] * 7
    told = [line.result for line in lines[2:]]
    asked = "What is the budget of project Orion"
    assert told == [
        f"{asked}.md",
        f"{asked}.json",
        f"{asked} 2.json",
        "My documents.md",
        "My documents 2.json",
    ]
    assert (saved / "My documents.json").read_text() == "mine"
    assert sorted(file.name for file in saved.iterdir()) == sorted([*told, "My documents.json"])

    answer = json.loads((saved / f"{asked}.json").read_text(encoding="utf-8"))
    (citation,) = answer["citations"]
    assert (citation["document"], citation["page"]) == ("project-notes.md", 1)
    assert citation["quote"] == "The budget of project Orion is 4200 euros."
    markdown = (saved / f"{asked}.md").read_text(encoding="utf-8")
    assert "> The budget of project Orion is 4200 euros." in markdown and "page 1" in markdown

    vault = json.loads((saved / "My documents 2.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in vault["documents"]] == list(NAMES)
    handbook = vault["documents"][1]
    assert {one["page"] for one in handbook["passages"]} == {1, 2, 3}
    whole = (saved / "My documents.md").read_text(encoding="utf-8")
    for document in vault["documents"]:
        assert document["passages"], document["name"]
        for passage in document["passages"]:
            if passage["kind"] == "prose":
                first = passage["text"].split("\n")[0].split()[0]
                assert first.strip("#*-_.,:") in whole


def test_a_vault_of_more_passages_than_come_at_once_is_saved_whole(
    drive: Drive, tmp_path: Path, saved: Path
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    parts = [f"# Part {number}\n\nThe mark of part {number} is m{number}x.\n" for number in range(600)]
    (folder / "long.md").write_text("\n".join(parts))
    lines = drive(tmp_path / "data", ["import"], ["save", "json", str(saved)], pick=folder)
    assert [line.error for line in lines] == [None, None, None]
    (document,) = json.loads((saved / "My documents.json").read_text())["documents"]
    assert len(document["passages"]) > 512, "it takes more than two turns"
    text = "\n".join(passage["text"] for passage in document["passages"])
    assert [f"m{number}x" in text for number in range(600)] == [True] * 600


def test_who_picks_no_folder_gets_no_file_and_no_error(drive: Drive, tmp_path: Path, papers: Path) -> None:
    lines = drive(tmp_path / "data", ["import"], ["save", "md", None], pick=papers)
    assert [line.error for line in lines] == [None, None, None]
    assert lines[-1].result is None
    assert sorted(file.name for file in papers.iterdir()) == sorted(NAMES)
