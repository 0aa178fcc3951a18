"""DocVault's own modules, on real documents, against the real sandboxed runtime and the real models."""

from __future__ import annotations

import shutil
import struct
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlite_vec

from .conftest import APP, DOCUMENTS, EXPECTED, Drive, Line

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
    assert again["lease-with-a-scan.pdf"]["problems"] == [["read_from_picture", 2], ["blank_page", 4]]


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


def connect(store: Path) -> apsw.Connection:
    connection = apsw.Connection(str(store))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    return connection


def write_docx(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "word/document.xml", f"<w:document><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>"
        )


def test_word_and_web_pages_are_answered_from_like_the_others(drive: Drive, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    write_docx(folder / "kite.docx", "The price of the red kite is 35 euros.")
    (folder / "lamp.html").write_text(
        "<h1>Lamps</h1><script>var price = 9;</script><p>The price of the blue lamp is 80&nbsp;euros.</p>"
    )
    _, imported, kite, lamp = drive(
        tmp_path / "data",
        ["import"],
        ["ask", "What is the price of the red kite?"],
        ["ask", "What is the price of the blue lamp?"],
        pick=folder,
    )
    assert {one["name"]: one["status"] for one in imported.result} == {
        "kite.docx": "added",
        "lamp.html": "added",
    }
    assert (kite.result["text"], kite.result["citation"]["name"]) == (
        "The price of the red kite is 35 euros.",
        "kite.docx",
    )
    assert (lamp.result["text"], lamp.result["citation"]["name"]) == (
        "The price of the blue lamp is 80 euros.",
        "lamp.html",
    )


def test_vaults_do_not_see_each_other_and_a_vault_that_is_gone_leaves_nothing(
    drive: Drive, tmp_path: Path
) -> None:
    folder, data = tmp_path / "papers", tmp_path / "data"
    folder.mkdir()
    shutil.copy(DOCUMENTS / "project-notes.md", folder)
    question = ["ask", "What is the budget of project Orion?"]
    lines = drive(
        data,
        ["import"],
        ["create", "Work"],
        question,
        ["search", "Orion"],
        ["import"],
        question,
        ["vaults"],
        ["drop", "My documents"],
        ["choose", "Work"],
        question,
        pick=folder,
    )
    assert [line.error for line in lines if line.error] == []
    empty, again, _, _, _, kept = (
        line.result for line in lines[3:] if line.step in {"ask", "import", "vaults", "drop"}
    )
    assert (empty["kind"], lines[4].result) == ("refusal", [])
    assert again[0]["status"] == "added", "the same file is another document there"
    assert kept["text"] == FACT, "the copy and the words stay as long as one vault has them"
    assert files_holding(data, FACT.encode())
    last, vaults = drive(data, ["drop", "Work"], ["vaults"])[1:]
    assert (last.error, vaults.result) == (None, [["My documents", 0]])
    assert files_holding(data, FACT.encode()) == []
    assert not any((data / "locara.docvault/files/documents").iterdir())


def test_a_database_of_the_first_release_becomes_one_with_vaults(drive: Drive, tmp_path: Path) -> None:
    folder, data, old = tmp_path / "papers", tmp_path / "data", tmp_path / "old"
    folder.mkdir()
    shutil.copy(DOCUMENTS / "project-notes.md", folder)
    shutil.copytree(APP, old, ignore=shutil.ignore_patterns("node_modules", "build", "src", "test*"))
    shutil.rmtree(old / "db/migrations")
    (opened,) = drive(data, app=old)
    assert opened.error is None
    columns = "sha256, name, kind, size, pages, added, complete"
    insert = f"INSERT INTO documents ({columns}) VALUES (?, 'a.txt', 'text', 9, 1, '', 1)"
    values = [[1, 1, 1, 0, "", "prose", "A word of before."], [0.5] * 384]
    store = next(data.rglob("app.sqlite3"))
    with closing(connect(store)) as connection:
        connection.execute(insert, ["a" * 64])
        connection.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)", values[0])
        blob = struct.pack("<384f", *values[1])
        connection.execute("INSERT INTO passage_vectors (rowid, embedding) VALUES (1, ?)", [blob])
    _, vaults, documents, found = drive(data, ["vaults"], ["documents"], ["search", "word"])
    assert vaults.result == [["My documents", 1]]
    assert [document["name"] for document in documents.result] == ["a.txt"]
    assert [hit["passage"]["text"] for hit in found.result] == ["A word of before."]
