"""DocVault's own modules, on real documents, against the real sandboxed runtime and the real models."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import DOCUMENTS, EXPECTED, Drive, Line

FACT = "The budget of project Orion is 4200 euros."
ADDED = {name for name, file in EXPECTED["files"].items() if file["status"] == "added"}


def outcome_of(outcome: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": outcome["status"],
        "problems": [[problem["code"], problem["page"]] for problem in outcome["problems"]],
    }


@pytest.fixture(scope="module")
def flow(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Line]]]:
    """One run of the app: import, questions, searches, the same import again."""
    asked = [question["question"] for question in EXPECTED["questions"]] + EXPECTED["refused"]
    searches = ["bronze anchor", "café", "'; DROP TABLE documents; --", '"unbalanced AND (']
    lines = drive(
        tmp_path_factory.mktemp("vault"),
        ["import"],
        ["documents"],
        *(["ask", question] for question in asked),
        *(["search", query] for query in searches),
        ["page", "lease-with-a-scan.pdf", 3],
        ["import"],
    )
    assert [line.error for line in lines if line.error] == []
    steps = [line.step for line in lines]
    groups: dict[str, list[Line]] = {step: [line for line in lines if line.step == step] for step in steps}
    yield groups


def test_every_file_of_the_folder_has_the_outcome_it_should(flow: dict[str, list[Line]]) -> None:
    outcomes = {outcome["name"]: outcome_of(outcome) for outcome in flow["import"][0].result}
    assert outcomes == EXPECTED["files"]


def test_exactly_the_readable_files_are_in_the_vault(flow: dict[str, list[Line]]) -> None:
    documents = {document["name"]: document for document in flow["documents"][0].result}
    assert documents.keys() == ADDED
    assert documents["lease-with-a-scan.pdf"]["pages"] == 4
    assert all(document["passages"] > 0 for document in documents.values())


@pytest.mark.parametrize("number", range(len(EXPECTED["questions"])))
def test_a_question_is_answered_with_its_document_and_page(flow: dict[str, list[Line]], number: int) -> None:
    expected, answer = EXPECTED["questions"][number], flow["ask"][number].result
    assert answer["citation"] is not None, answer
    assert (answer["kind"], answer["text"]) == (expected["kind"], expected["text"])
    assert (answer["citation"]["name"], answer["citation"]["page"]) == (
        expected["document"],
        expected["page"],
    )


@pytest.mark.parametrize("number", range(len(EXPECTED["refused"])))
def test_a_question_without_an_answer_is_refused(flow: dict[str, list[Line]], number: int) -> None:
    answer = flow["ask"][len(EXPECTED["questions"]) + number].result
    assert (answer["kind"], answer["citation"]) == ("refusal", None)
    assert answer["text"] == "I could not find that in your documents."


def test_search_finds_words_and_takes_any_input_for_words(flow: dict[str, list[Line]]) -> None:
    anchor, cafe, hostile, unbalanced = [line.result for line in flow["search"]]
    assert anchor[0]["passage"]["name"] == "harbour-letter.pdf"
    assert {"awkward/old-letter.txt", "meeting-minutes.txt"} <= {hit["passage"]["name"] for hit in cafe}
    assert hostile is not None
    assert unbalanced is not None


def test_a_cited_page_can_be_shown(flow: dict[str, list[Line]]) -> None:
    (page,) = flow["page"]
    assert any("The code of the boat house is TR-2085." in passage["text"] for passage in page.result)


def test_what_is_unchanged_is_not_imported_again(flow: dict[str, list[Line]]) -> None:
    again = {outcome["name"]: outcome_of(outcome) for outcome in flow["import"][1].result}
    unchanged = {name for name, outcome in again.items() if outcome["status"] == "unchanged"}
    assert unchanged == ADDED
    assert again["lease-with-a-scan.pdf"]["problems"] == [["no_text_layer", 2], ["blank_page", 4]]


def test_the_vault_outlives_its_process_and_a_changed_file_replaces_itself(
    drive: Drive, tmp_path: Path
) -> None:
    folder, data = tmp_path / "papers", tmp_path / "data"
    folder.mkdir()
    shutil.copy(DOCUMENTS / "project-notes.md", folder)
    (first,) = drive(data, ["import"], pick=folder)[1].result
    notes = folder / "project-notes.md"
    notes.write_text(notes.read_text(encoding="utf-8").replace("4200", "5100"), encoding="utf-8")
    _, documents, imported, after, answer = drive(
        data,
        ["documents"],
        ["import"],
        ["documents"],
        ["ask", "What is the budget of project Orion?"],
        pick=folder,
    )
    assert [document["name"] for document in documents.result] == ["project-notes.md"]
    assert (first["status"], imported.result[0]["status"]) == ("added", "replaced")
    assert len(after.result) == 1
    assert answer.result["text"] == "The budget of project Orion is 5100 euros."


def files_holding(folder: Path, needle: bytes) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    ]


def test_delete_takes_the_document_and_its_words_off_the_disk(drive: Drive, tmp_path: Path) -> None:
    folder, data = tmp_path / "papers", tmp_path / "data"
    folder.mkdir()
    for name in ("project-notes.md", "meeting-minutes.txt"):
        shutil.copy(DOCUMENTS / name, folder)
    drive(data, ["import"], pick=folder)
    assert files_holding(data, FACT.encode()), "the control: before, the words are on the disk"
    _, removed, documents, answer, search, kept = drive(
        data,
        ["remove", "project-notes.md"],
        ["documents"],
        ["ask", "What is the budget of project Orion?"],
        ["search", "Orion"],
        ["ask", "What is the location of the summer party?"],
    )
    assert removed.error is None
    assert [document["name"] for document in documents.result] == ["meeting-minutes.txt"]
    assert answer.result["kind"] == "refusal"
    assert {hit["passage"]["name"] for hit in search.result} == {"meeting-minutes.txt"}
    assert kept.result["text"] == "The location of the summer party is Vienna."
    assert files_holding(data, FACT.encode()) == []
