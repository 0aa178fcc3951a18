import json
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import ManifestError, ModelError
from locara.models.index import LOCAL_NAME, Entry, Index, parse_index, read_index, write_local
from locara.models.web import Url

HERE = Path("/srv/models/index.json")
ENTRY = {
    "id": "demo",
    "version": "1.0.0",
    "displayName": "A demo",
    "license": "Apache-2.0",
    "modality": "text-to-text",
    "size": 10,
    "sha256": "a" * 64,
    "urls": ["https://models.example.org/demo.gguf"],
}


def index(*entries: object, **more: object) -> bytes:
    return json.dumps({"schema": "locara-models/1", "models": list(entries), **more}).encode()


def parse(*entries: object) -> Index:
    return parse_index(index(*entries), place=HERE)


def test_an_entry_is_read_with_everything_it_says() -> None:
    (entry,) = parse({**ENTRY, "contextLength": 2048, "ramMb": 512}).entries
    assert str(entry.pin) == f"demo@sha256:{'a' * 64}"
    assert entry.meta == {
        "id": "demo",
        "version": "1.0.0",
        "displayName": "A demo",
        "license": "Apache-2.0",
        "modality": "text-to-text",
        "contextLength": 2048,
        "ramMb": 512,
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"extra": 1}, "/models/0/extra"),
        ({"id": "../x"}, "/models/0/id"),
        ({"id": "A"}, "/models/0/id"),
        ({"version": ""}, "/models/0/version"),
        ({"displayName": "a\u202eb"}, "/models/0/displayName"),
        ({"displayName": "\x1b[2J"}, "/models/0/displayName"),
        ({"license": "a b"}, "/models/0/license"),
        ({"modality": "text"}, "/models/0/modality"),
        ({"size": 0}, "/models/0/size"),
        ({"size": 1.0}, "/models/0/size"),
        ({"size": "10"}, "/models/0/size"),
        ({"size": 1 << 50}, "/models/0/size"),
        ({"size": True}, "/models/0/size"),
        ({"sha256": "A" * 64}, "/models/0/sha256"),
        ({"sha256": "a" * 63}, "/models/0/sha256"),
        ({"sha256": "a" * 64 + "\n"}, "/models/0/sha256"),
        ({"urls": []}, "/models/0/urls"),
        ({"urls": ["http://models.example.org/x"]}, "/models/0/urls/0"),
        ({"urls": ["https://u:p@models.example.org/x"]}, "/models/0/urls/0"),
        ({"urls": ["../x"]}, "/models/0/urls/0"),
        ({"urls": ["/etc/passwd"]}, "/models/0/urls/0"),
        ({"urls": ["a\\b"]}, "/models/0/urls/0"),
        ({"urls": ["file:///etc/passwd"]}, "/models/0/urls/0"),
        ({"urls": ["a", "a"]}, "/models/0/urls/1"),
        ({"urls": [f"m{n}" for n in range(17)]}, "/models/0/urls"),
        ({"contextLength": None}, "/models/0/contextLength"),
        ({"ramMb": -1}, "/models/0/ramMb"),
    ],
)
def test_a_bad_entry_fails_the_index_with_its_place(change: dict[str, object], pointer: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse({**ENTRY, **change})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert caught.value.source == "index.json"


@pytest.mark.parametrize("key", ENTRY)
def test_every_key_is_needed(key: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse({name: value for name, value in ENTRY.items() if name != key})
    assert caught.value.code == "missing_key"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json_syntax"),
        (b"{}", "missing_key"),
        (b'{"schema": "locara-models/2", "models": []}', "bad_value"),
        (index(extra=1), "unknown_key"),
        (b'{"schema": "locara-models/1", "models": [], "models": []}', "json_duplicate_key"),
        (b"[" * 100, "json_too_deep"),
        (b" " * ((8 << 20) + 1), "json_too_large"),
    ],
)
def test_what_is_no_index_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_index(data, place=HERE)
    assert caught.value.code == code


def test_one_digest_has_one_size() -> None:
    parse(ENTRY, {**ENTRY, "id": "same"})
    with pytest.raises(ManifestError, match="another size"):
        parse(ENTRY, {**ENTRY, "size": 11})


def test_an_entry_is_found_by_digest_alone() -> None:
    found = parse(ENTRY, {**ENTRY, "sha256": "b" * 64})
    assert found.find(Digest("b" * 64)) == found.entries[1]
    assert found.find(Digest("c" * 64)) is None


def test_relative_places_are_beside_the_index() -> None:
    mixed = {**ENTRY, "urls": ["files/a b.gguf", "https://models.example.org/demo.gguf"]}
    local = parse(mixed)
    assert local.sources(local.entries[0]) == (
        Path("/srv/models/files/a b.gguf"),
        Url.parse("https://models.example.org/demo.gguf"),
    )
    remote = parse_index(index(mixed), place=Url.parse("https://host.example/v1/index.json"))
    assert [str(source) for source in remote.sources(remote.entries[0])] == [
        "https://host.example/v1/files/a%20b.gguf",
        "https://models.example.org/demo.gguf",
    ]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_index(str(tmp_path / "absent.json"))
    assert caught.value.code == "bad_format"
    with pytest.raises(ModelError) as caught:
        read_index("http://models.example.org/index.json")
    assert caught.value.code == "bad_address"


def test_an_apps_own_index_is_written_and_updated(tmp_path: Path) -> None:
    entry = Entry.model_validate(ENTRY)
    other = Entry.model_validate({**ENTRY, "id": "other"})
    newer = Entry.model_validate({**ENTRY, "sha256": "b" * 64})
    for one in (entry, other, newer):
        assert write_local(tmp_path, one) == tmp_path / LOCAL_NAME
    assert read_index(str(tmp_path / LOCAL_NAME)).entries == (other, newer)
    assert [path.name for path in tmp_path.iterdir()] == [LOCAL_NAME]
    (tmp_path / LOCAL_NAME).write_text("{")
    with pytest.raises(ManifestError):
        write_local(tmp_path, entry)
    assert (tmp_path / LOCAL_NAME).read_text() == "{"


def test_the_fixtures_have_an_index() -> None:
    folder = Path(__file__).parents[3] / "fixtures/models"
    found = read_index(str(folder / "index.json"))
    pinned = {model["digest"]: model for model in json.loads((folder / "models.json").read_text())["models"]}
    for entry in found.entries:
        model = pinned[str(entry.pin.digest)]
        assert (entry.id, entry.size, entry.license) == (model["id"], model["size"], model["license"])
        (source,) = found.sources(entry)
        assert isinstance(source, Path)
        assert Digest.of(source.read_bytes()) == entry.pin.digest
