import pytest

from locara.errors import ModelError
from locara.models.hub import HubRef, modality_of, model_id
from locara.models.pin import MODEL_ID


@pytest.mark.parametrize(
    ("text", "repository", "path", "revision"),
    [
        ("hf:org/repo/model.gguf", "org/repo", "model.gguf", "main"),
        ("hf:Org-1/re.po_2/dir/sub/Model Q4.gguf@v1.0", "Org-1/re.po_2", "dir/sub/Model Q4.gguf", "v1.0"),
        ("hf:org/repo/m@refs/pr/1", "org/repo", "m", "refs/pr/1"),
        ("hf:org/repo/m@" + "a" * 40, "org/repo", "m", "a" * 40),
    ],
)
def test_a_reference_is_read(text: str, repository: str, path: str, revision: str) -> None:
    assert HubRef.parse(text) == HubRef(repository, path, revision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "org/repo/m",
        "hf:",
        "hf:org",
        "hf:org/repo",
        "hf:org/repo/",
        "hf:org//m",
        "hf:/repo/m",
        "hf:../repo/m",
        "hf:org/../m",
        "hf:org/repo/../m",
        "hf:org/repo//m",
        "hf:org/repo/a\\b",
        "hf:org/repo/m@",
        "hf:org/repo/m@../x",
        "hf:org/repo/m@a//b",
        "hf:org/repo/m@a b",
        "hf:org/repo/m@a@b",
        "hf:org/re?po/m",
        "hf:org/repo#/m",
        "hf:org/repo/m\n",
        "hf:org/repo\0/m",
        "hf:o%2frg/repo/m",
        "hf:" + "a" * 97 + "/repo/m",
        "HF:org/repo/m",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        HubRef.parse(text)
    assert caught.value.code == "bad_format"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("dir/Qwen2.5-3B-Instruct-Q4_K_M.gguf", "qwen2.5-3b-instruct-q4_k_m"),
        ("Model (v1).GGUF", "model-v1-"),
        ("...gguf", "model"),
        ("\u4e2d.gguf", "model"),
        ("x" * 200, "x" * 64),
    ],
)
def test_an_id_is_made_of_a_file_name(path: str, name: str) -> None:
    assert model_id(path) == name
    assert MODEL_ID.fullmatch(name)


def test_modalities_are_a_closed_list() -> None:
    assert modality_of("text-to-text") == "text-to-text"
    with pytest.raises(ModelError):
        modality_of("text")
