"""locara.json: every field, every limit, every refusal with its code, pointer and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.digest import Digest
from locara.core.manifest import Manifest, parse_manifest
from locara.core.problems import pointer_of
from locara.core.strict_json import at
from locara.core.vocabulary import LICENSES, MODALITIES, MODALITIES_WITH_BACKEND
from locara.errors import MANIFEST_CODES, ManifestError, Problem

Build = Callable[..., dict[str, Any]]
PIN = f"chat@sha256:{'a' * 64}"
OTHER = f"embed@sha256:{'b' * 64}"
REMOVE = object()


def _name(item: object) -> str:
    return "removed" if item is REMOVE else str(item)[:50]


def write(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def place(value: dict[str, Any], pointer: str, new: object) -> dict[str, Any]:
    """The manifest with the value at a pointer replaced, added or (``REMOVE``) taken away."""
    *parents, last = [step.replace("~1", "/") for step in pointer.split("/")[1:]]
    node: Any = value
    for step in parents:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    if new is REMOVE:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = new
    return value


def problems(data: bytes) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(data)
    assert caught.value.__cause__ is None
    assert {problem.code for problem in caught.value.problems} <= MANIFEST_CODES
    return caught.value.problems


def test_the_smallest_manifest(minimal: Build) -> None:
    data = write(minimal())
    manifest = parse_manifest(data)
    assert manifest.app_id == "acme/notes"
    assert manifest.digest == Digest.of(data)
    assert manifest.source == "locara.json"
    assert manifest.position("/name") == (3, 3)
    assert manifest.entry == "dist/index.html"
    assert (manifest.build.tool, manifest.build.out) == ("vite", "dist")
    assert (manifest.storage.vector.engine, manifest.storage.quota_mb) == ("sqlite-vec", 2048)
    declared = manifest.capabilities
    assert declared.fs_app_data == "read-write"
    others = declared.model_dump(exclude={"fs_app_data"})
    nothing = {
        "fs_user_paths": dict.fromkeys(("documents", "downloads", "desktop", "pictures", "music", "movies")),
        "clipboard": {"read": False, "write": False},
        "notifications": {"modes": ()},
        "background": {"mode": False, "reasons": ()},
    }
    assert {key: value for key, value in others.items() if value} == nothing


def test_every_field_at_once(minimal: Build) -> None:
    full = minimal(
        longDescription="# Notes\n\n\tAll of it.",
        homepage="https://acme.example/notes?a=1#top",
        repository="https://git.acme.example:8443/acme/notes",
        author={"name": "Acme", "email": "a.b+c@acme.example", "url": "https://acme.example"},
        screenshots=[f"s/{n}.png" for n in range(5)],
        tags=[f"tag-{n}" for n in range(10)],
        modalities=["text-to-text", "text-to-embedding"],
        tooling=["vector.search"],
        profiles={
            "low": {"min_ram_gb": 1, "models": [PIN]},
            "mid": {"min_ram_gb": 16, "models": [PIN, OTHER]},
            "high": {"min_ram_gb": 1024, "models": [OTHER]},
        },
        storage={"vector": {"engine": "sqlite-vec"}, "quota_mb": 1_048_576},
        build={"tool": "none", "out": "web/out"},
        entry="web/out/index.html",
        capabilities={
            "net": {
                "allowed_hosts": ["api.acme.example", "*.cdn.acme.example"],
                "allowed_ports": [443, 65535],
            },
            "fs.user-selected": "read-write",
            "fs.app-data": False,
            "fs.user-paths": {"documents": "read", "movies": "read-write"},
            "device.microphone": True,
            "device.camera": True,
            "device.system-audio": True,
            "models": [PIN, OTHER],
            "tools": [f"python@sha256:{'c' * 64}"],
            "shared-folders": [{"id": "inbox", "with": ["acme/mail"], "access": "read-write"}],
            "clipboard": {"read": True, "write": True},
            "notifications": {"modes": ["alert", "badge", "sound"]},
            "background": {"mode": "active", "reasons": ["It indexes new files"]},
            "open-external": {"hosts": ["acme.example"]},
        },
    )
    manifest = parse_manifest(write(full))
    assert manifest.model_dump(mode="json", by_alias=True, exclude_unset=True) == full


TOP = ("schema", "name", "publisher", "version", "displayName", "description", "license", "author", "icon",
       "screenshots", "category", "capabilities")  # fmt: skip


@pytest.mark.parametrize("key", TOP)
def test_a_required_key_is_missed(minimal: Build, key: str) -> None:
    value = minimal()
    del value[key]
    (problem,) = problems(write(value))
    assert (problem.code, problem.pointer, problem.line) == ("missing_key", f"/{key}", 1)
    assert f'"{key}"' in problem.message


GOOD = [
    ("/name", "a"), ("/name", "a--b"), ("/name", "0" * 64), ("/publisher", "a-1"), ("/version", "0.0.0"),
    ("/version", "999999999.0.10"), ("/displayName", "x" * 40), ("/displayName", "Ärger 日本"),
    ("/description", "d" * 140),
    ("/icon", "a/b/c.png"), ("/tags", []), ("/tags", ["-"]), ("/capabilities/net", False),
    ("/capabilities/net", True),
    ("/capabilities/net", {"allowed_hosts": ["a.b"]}), ("/capabilities/models", []),
    ("/capabilities/tools", []),
    ("/capabilities/fs.user-paths", {}), ("/capabilities/shared-folders", []),
    ("/capabilities/clipboard", {}),
    ("/capabilities/notifications", {"modes": []}), ("/capabilities/background", {"mode": False}),
    ("/profiles", {}),
    ("/capabilities/fs.app-data", "read"), ("/storage", {}), ("/storage/quota_mb", 1),
    ("/tooling", ["vector.search"]),
    ("/homepage", "https://a.example"), ("/homepage", "https://a.example/" + "x" * 2000), ("/build", {}),
    ("/longDescription", "x" * 20_000),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "value"), GOOD, ids=_name)
def test_a_value_within_its_limits(minimal: Build, pointer: str, value: object) -> None:
    parse_manifest(write(place(minimal(), pointer, value)))


@pytest.mark.parametrize("licence", LICENSES)
def test_every_listed_licence(minimal: Build, licence: str) -> None:
    assert parse_manifest(write(minimal(license=licence))).license == licence


BAD = [
    ("/schema", "locara/v2", "bad_value"), ("/schema", 1, "wrong_type"), ("/schema", None, "wrong_type"),
    ("/name", "", "bad_value"), ("/name", "A", "bad_value"), ("/name", "-a", "bad_value"),
    ("/name", "a-", "bad_value"),
    ("/name", "a" * 65, "bad_value"), ("/name", "a/b", "bad_value"), ("/name", "a\n", "bad_value"),
    ("/name", "ａ", "bad_value"),
    ("/name", 7, "wrong_type"), ("/publisher", "a_b", "bad_value"),
    ("/version", "1", "bad_value"), ("/version", "1.2", "bad_value"), ("/version", "1.2.3.4", "bad_value"),
    ("/version", "01.2.3", "bad_value"), ("/version", "1.2.3-rc1", "bad_value"),
    ("/version", "1.2.3+b", "bad_value"),
    ("/version", "v1.2.3", "bad_value"), ("/version", " 1.2.3", "bad_value"),
    ("/version", "1.2.3\n", "bad_value"),
    ("/version", "1.2.1000000000", "bad_value"), ("/version", "1.2.٣", "bad_value"),
    ("/version", 1.2, "wrong_type"),
    ("/displayName", "", "bad_value"), ("/displayName", "x" * 41, "bad_value"),
    ("/displayName", "a\nb", "bad_value"),
    ("/displayName", "a\u202eb", "bad_value"), ("/displayName", "a\u200bb", "bad_value"),
    ("/displayName", " a", "bad_value"),
    ("/displayName", "\ue000", "bad_value"), ("/displayName", "\x1b[8m", "bad_value"),
    ("/displayName", ["a"], "wrong_type"),
    ("/description", "d" * 141, "bad_value"), ("/description", "a\tb", "bad_value"),
    ("/longDescription", "x" * 20_001, "bad_value"), ("/longDescription", "a\rb", "bad_value"),
    ("/longDescription", None, "wrong_type"),
    ("/license", "Proprietary", "bad_value"), ("/license", "apache-2.0", "bad_value"),
    ("/license", None, "wrong_type"),
    ("/homepage", "http://a.example", "bad_value"), ("/homepage", "https://user:pw@a.example", "bad_value"),
    ("/homepage", "https://user@a.example/", "bad_value"), ("/homepage", "https://a", "bad_value"),
    ("/homepage", "https://127.0.0.1/", "bad_value"), ("/homepage", "javascript:alert(1)", "bad_value"),
    ("/homepage", "https://a.example/ b", "bad_value"), ("/homepage", "https://a.example:0/", "bad_value"),
    ("/homepage", "https://a.example:65536/", "bad_value"),
    ("/homepage", "https://a.example\\b", "bad_value"),
    ("/homepage", "https://a.example/" + "x" * 2040, "bad_value"), ("/homepage", None, "wrong_type"),
    ("/repository", "git@a.example:x/y", "bad_value"), ("/repository", False, "wrong_type"),
    ("/author", "Acme", "wrong_type"), ("/author/name", "", "bad_value"),
    ("/author/name", "x" * 81, "bad_value"),
    ("/author/email", "acme", "bad_value"), ("/author/email", "a@b", "bad_value"),
    ("/author/email", "a b@c.de", "bad_value"),
    ("/author/email", "a@b.c\nBcc:x@y.z", "bad_value"), ("/author/url", None, "wrong_type"),
    ("/author/url", "ftp://a.b", "bad_value"),
    ("/author/phone", "1", "unknown_key"), ("/author/name", REMOVE, "missing_key"),
    ("/author/email", REMOVE, "missing_key"),
    ("/icon", "", "bad_value"), ("/icon", "/etc/passwd", "bad_value"), ("/icon", "../icon.png", "bad_value"),
    ("/icon", "a//b.png", "bad_value"), ("/icon", "a\\b.png", "bad_value"), ("/icon", "CON", "bad_value"),
    ("/icon", "a:b", "bad_value"),
    ("/icon", "x" * 256, "bad_value"), ("/icon", "/".join("a" * 17), "bad_value"),
    ("/icon", None, "wrong_type"),
    ("/screenshots", [], "bad_value"), ("/screenshots", list("abcdef"), "bad_value"),
    ("/screenshots", "a.png", "wrong_type"),
    ("/screenshots/0", "../a.png", "bad_value"), ("/screenshots/0", 1, "wrong_type"),
    ("/screenshots", {"0": "a"}, "wrong_type"),
    ("/category", "dev", "bad_value"), ("/category", "Productivity", "bad_value"),
    ("/category", [], "wrong_type"),
    ("/tags", [f"t{n}" for n in range(11)], "bad_value"), ("/tags", ["A"], "bad_value"),
    ("/tags", ["x" * 33], "bad_value"),
    ("/tags", [""], "bad_value"), ("/tags", None, "wrong_type"), ("/tags", "a", "wrong_type"),
    ("/modalities", ["text-to-txt"], "bad_value"), ("/modalities", ["voice-to-voice"], "unsupported"),
    ("/modalities", ["text-to-image"], "unsupported"), ("/modalities", [1], "wrong_type"),
    *(("/tooling", [name], "unsupported") for name in ("filesystem.search", "filesystem.read",
    "filesystem.write",
      "audio.transcribe", "vision.classify",
      "browser.fetch")),
    ("/tooling", ["echo"], "bad_value"), ("/tooling", ["code-exec.javascript"], "bad_value"),
    ("/tooling", ["code-exec.python"], "bad_value"),
    ("/storage/vector", {"engine": "faiss"}, "bad_value"),
    ("/storage/quota_mb", 0, "bad_value"), ("/storage/quota_mb", 1_048_577, "bad_value"),
    ("/storage/quota_mb", 1.5, "wrong_type"),
    ("/storage/quota_mb", 5.0, "wrong_type"), ("/storage/quota_mb", True, "wrong_type"),
    ("/storage/quota_mb", "1", "wrong_type"),
    ("/storage/path", "x", "unknown_key"), ("/storage", None, "wrong_type"),
    ("/build", {"tool": "make"}, "bad_value"), ("/build", {"command": "rm"}, "unknown_key"),
    ("/build", {"out": "../x"}, "bad_value"),
    ("/build", "vite build", "wrong_type"), ("/entry", "../index.html", "bad_value"),
    ("/entry", "", "bad_value"),
    ("/entry", "index.html", "bad_value"), ("/entry", "dist", "bad_value"),
    ("/entry", "distant/index.html", "bad_value"),
    ("/build", {"out": "web"}, "bad_value"),
    ("/profiles", {"tiny": {}}, "unknown_key"), ("/profiles", {"low": {"min_ram_gb": 8}}, "missing_key"),
    ("/profiles", {"low": {"min_ram_gb": 0, "models": [PIN]}}, "bad_value"),
    ("/profiles", {"low": None}, "wrong_type"),
    ("/profiles", {"low": {"min_ram_gb": 1025, "models": [PIN]}}, "bad_value"),
    ("/profiles", {"low": {"min_ram_gb": 8, "models": []}}, "bad_value"),
    ("/profiles", {"low": {"min_ram_gb": 8, "models": [PIN]}}, "bad_value"),
    ("/extra", 1, "unknown_key"), ("/net", False, "unknown_key"), ("/$schema", "x", "unknown_key"),
    ("/schema_", "x", "unknown_key"),
    ("/display_name", "x", "unknown_key"),
    ("/capabilities", None, "wrong_type"), ("/capabilities", [], "wrong_type"),
    ("/capabilities", True, "wrong_type"),
]  # fmt: skip
CAPABILITIES = [
    ("fs", {}, "unknown_key"), ("fs.user_selected", "read", "unknown_key"),
    ("fs_user_selected", "read", "unknown_key"),
    ("FS.user-selected", "read", "unknown_key"), ("net ", True, "unknown_key"),
    ("microphone", True, "unknown_key"),
    ("audio.play", True, "unknown_key"), ("device.gps", True, "unknown_key"), ("*", True, "unknown_key"),
    ("net", None, "wrong_type"), ("net", "true", "wrong_type"), ("net", 1, "wrong_type"),
    ("net", 0, "wrong_type"),
    ("net", [], "wrong_type"), ("net", ["a.b"], "wrong_type"), ("net", {}, "missing_key"),
    ("net", {"allowed_hosts": []}, "bad_value"), ("net", {"allowed_hosts": None}, "wrong_type"),
    ("net", {"allowed_hosts": "a.b"}, "wrong_type"), ("net", {"allowed_ports": [443]}, "missing_key"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": []}, "bad_value"),
    ("net", {"allowed_hosts": ["a.b"], "denied_hosts": ["c.d"]}, "unknown_key"),
    ("net", {"allowed_hosts": ["a.b", "a.b"]}, "bad_value"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": [0]}, "bad_value"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": [65536]}, "bad_value"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": ["443"]}, "wrong_type"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": [True]}, "wrong_type"),
    ("net", {"allowed_hosts": ["a.b"], "allowed_ports": 443}, "wrong_type"),
    ("net", {"allowed_hosts": [f"h{n}.example" for n in range(201)]}, "bad_value"),
    *(("net", {"allowed_hosts": [host]}, "bad_value") for host in (
        "", "*", "localhost", "a.localhost", "printer.local", "db.internal", "com", "*.com", "a.b.", "A.b",
        "127.0.0.1",
        "[::1]", "a.b:443", "https://a.b", "a.b/c", "bücher.example", "a..b", "x.*.b.c", "*.*.b.c",
        "*b.c.d", "a_b.c", "0x7f.1",
        "a.b\n", "\u202ea.b", "evil.example#.a.b", "a.b%00", "user@a.b", "a" * 64 + ".b",
        "*." + "a." * 100 + "b",
    )),
    ("fs.user-selected", True, "bad_value"), ("fs.user-selected", "write", "bad_value"),
    ("fs.user-selected", None, "wrong_type"),
    ("fs.user-selected", ["read"], "wrong_type"), ("fs.user-selected", 0, "wrong_type"),
    ("fs.user-selected", "", "bad_value"),
    ("fs.app-data", True, "bad_value"), ("fs.app-data", "readwrite", "bad_value"),
    ("fs.app-data", None, "wrong_type"),
    ("fs.user-paths", False, "wrong_type"), ("fs.user-paths", {"home": "read"}, "unknown_key"),
    ("fs.user-paths", {"documents": False}, "bad_value"),
    ("fs.user-paths", {"documents": None}, "wrong_type"),
    ("fs.user-paths", {"documents": "write"}, "bad_value"),
    ("fs.user-paths", {"../x": "read"}, "unknown_key"),
    ("device.camera", 1, "wrong_type"), ("device.camera", "true", "wrong_type"),
    ("device.microphone", None, "wrong_type"),
    ("device.system-audio", {}, "wrong_type"),
    ("models", ["chat"], "bad_value"), ("models", [PIN.upper()], "bad_value"),
    ("models", [PIN + "0"], "bad_value"),
    ("models", [PIN.replace("sha256", "sha512")], "bad_value"), ("models", [PIN, PIN], "bad_value"),
    ("models", PIN, "wrong_type"),
    ("models", [PIN, PIN.replace("a" * 64, "b" * 64)], "bad_value"), ("models", [PIN + "\n"], "bad_value"),
    ("models", {"chat": "x"}, "wrong_type"),
    ("models", [f"m{n}@sha256:{'a' * 64}" for n in range(65)], "bad_value"),
    ("models", ["../chat@sha256:" + "a" * 64], "bad_value"), ("models", None, "wrong_type"),
    ("tools", ["echo"], "bad_value"), ("tools", [PIN, PIN.replace("a" * 64, "b" * 64)], "bad_value"),
    ("shared-folders", [{"id": "x", "with": [], "access": "read"}], "bad_value"),
    ("shared-folders", [{"id": "x", "with": ["acme"], "access": "read"}], "bad_value"),
    ("shared-folders", [{"id": "../x", "with": ["a/b"], "access": "read"}], "bad_value"),
    ("shared-folders", [{"id": "x", "with": ["acme/notes"], "access": "read"}], "bad_value"),
    ("shared-folders", [{"id": "x", "with": ["a/b"], "access": False}], "bad_value"),
    ("shared-folders", [{"id": "x", "with": ["a/b"]}], "missing_key"),
    ("shared-folders", [{"id": "x", "with": ["a/b"], "access": "read"}] * 2, "bad_value"),
    ("shared-folders", {"id": "x"}, "wrong_type"),
    ("clipboard", True, "wrong_type"), ("clipboard", {"read": "yes"}, "wrong_type"),
    ("clipboard", {"paste": True}, "unknown_key"),
    ("notifications", {}, "missing_key"), ("notifications", {"modes": ["popup"]}, "bad_value"),
    ("notifications", True, "wrong_type"),
    ("notifications", {"modes": ["alert", "alert"]}, "bad_value"), ("notifications", ["alert"], "wrong_type"),
    ("background", "active", "wrong_type"), ("background", {}, "missing_key"),
    ("background", {"mode": True}, "bad_value"),
    ("background", {"mode": "active", "reasons": ["a\u202eb"]}, "bad_value"),
    ("background", {"mode": 0}, "wrong_type"),
    ("background", {"mode": "active", "reasons": list("abcdef")}, "bad_value"),
    ("open-external", {"hosts": []}, "bad_value"), ("open-external", {"hosts": ["*"]}, "bad_value"),
    ("open-external", False, "wrong_type"),
    ("open-external", ["a.b"], "wrong_type"), ("open-external", None, "wrong_type"),
    ("open-external", {}, "missing_key"),
]  # fmt: skip
BAD += [(f"/capabilities/{key}", value, code) for key, value, code in CAPABILITIES]


@pytest.mark.parametrize(("pointer", "value", "code"), BAD, ids=_name)
def test_a_value_that_is_refused(minimal: Build, pointer: str, value: object, code: str) -> None:
    data = write(place(minimal(), pointer, value))
    found = problems(data)
    assert {problem.code for problem in found} == {code}
    lines = data.decode().split("\n")
    for problem in found:
        assert problem.pointer.startswith(pointer) or pointer.startswith("/build")
        assert problem.message
        assert problem.message.isprintable()
        # The place is the one of the key or entry named by the pointer, or of what would hold it.
        steps = [step.replace("~1", "/") for step in problem.pointer.split("/")[1:]]
        text = lines[problem.line - 1][problem.column - 1 :]
        assert any(text.startswith(json.dumps(step)) for step in steps) or steps[-1].isdigit() or text == "{"


def test_all_problems_are_told_in_the_order_of_the_file(minimal: Build) -> None:
    value = minimal(
        version="one", tags=["UP"], capabilities={"nett": True, "models": ["x"], "clipboard": {"read": 1}}
    )
    del value["icon"]
    found = problems(write(value))
    assert [problem.pointer for problem in found] == [
        "/icon",
        "/version",
        "/capabilities/nett",
        "/capabilities/models/0",
        "/capabilities/clipboard/read",
        "/tags/0",
    ]
    places = [(problem.line, problem.column) for problem in found]
    assert places == sorted(places)


def test_the_error_reads_well(minimal: Build) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(write(minimal(version="one", capabilities={"nett": True})), source="app/locara.json")
    assert str(caught.value) == (
        'app/locara.json:5:3: "one" does not have the form asked for (and 1 more problem)'
    )
    assert caught.value.diagnostics() == (
        'app/locara.json:5:3: "one" does not have the form asked for [bad_value]\n'
        "  help: a version is written MAJOR.MINOR.PATCH\n"
        'app/locara.json:19:5: the key "nett" is unknown [unknown_key]\n'
        '  help: did you mean "net"?'
    )


@pytest.mark.parametrize(
    ("key", "fix"),
    [("displayname", 'did you mean "displayName"?'), ("net", 'move it into "capabilities"'), ("zzz", None)],
)
def test_an_unknown_key_is_met_with_a_guess(minimal: Build, key: str, fix: str | None) -> None:
    assert problems(write(minimal(**{key: "x"})))[0].fix == fix


@pytest.mark.parametrize(
    ("given", "said"), [(0, "0 has to be at least 1"), (1_048_577, "1048577 has to be at most 1048576")]
)
def test_a_number_out_of_its_bounds_is_told_the_nearer_one(minimal: Build, given: int, said: str) -> None:
    (problem,) = problems(write(minimal(storage={"quota_mb": given})))
    assert (problem.pointer, problem.message) == ("/storage/quota_mb", said)


def test_a_modality_without_a_backend_is_refused_by_name(minimal: Build) -> None:
    for modality in MODALITIES:
        document = write(minimal(modalities=[modality], capabilities={"models": [PIN]}))
        if modality in MODALITIES_WITH_BACKEND:
            assert parse_manifest(document).modalities == (modality,)
            continue
        (problem,) = problems(document)
        assert (problem.code, problem.pointer) == ("unsupported", "/modalities/0")
        assert problem.message.startswith(f'the modality "{modality}" has no backend in this version')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("modalities", ["image-to-text"]),
        ("modalities", ["text-to-speech", "image-to-text"]),
        ("tooling", ["ocr"]),
        ("tooling", ["audio.synthesize", "ocr"]),
    ],
)
def test_reading_and_speaking_need_no_model(minimal: Build, key: str, value: list[str]) -> None:
    assert getattr(parse_manifest(write(minimal(**{key: value}))), key) == tuple(value)
    problem = problems(write(minimal(modalities=["image-to-text", "text-to-text"])))[0]
    assert problem.pointer == "/modalities/1"


def test_a_modality_needs_a_model(minimal: Build) -> None:
    for modality in ("text-to-text", "text-to-text-thinking", "text-to-embedding"):
        (problem,) = problems(write(minimal(modalities=[modality])))
        assert (problem.code, problem.pointer) == ("bad_value", "/modalities/0")
        assert problem.fix == '"models": ["id@sha256:…"]'
        parse_manifest(write(minimal(modalities=[modality], capabilities={"models": [PIN]})))


def test_a_profile_chooses_among_the_pinned_models(minimal: Build) -> None:
    profiles = {"mid": {"min_ram_gb": 8, "models": [PIN, OTHER]}}
    (problem,) = problems(write(minimal(profiles=profiles, capabilities={"models": [PIN]})))
    assert (problem.pointer, problem.fix) == ("/profiles/mid/models/1", f'"models": ["{OTHER}"]')
    parse_manifest(write(minimal(profiles=profiles, capabilities={"models": [PIN, OTHER]})))


def test_the_second_of_two_equal_entries_is_named(minimal: Build) -> None:
    (problem,) = problems(write(minimal(tags=["a", "b", "a"])))
    assert problem.pointer == "/tags/2"
    assert (problem.code, problem.message) == ("bad_value", 'this entry is written twice: ["a", "b", "a"]')
    (problem,) = problems(write(minimal(capabilities={"net": {"allowed_hosts": ["a.b", "c.d", "c.d"]}})))
    assert problem.pointer == "/capabilities/net/allowed_hosts/2"


def test_many_problems_are_cut_short(minimal: Build) -> None:
    found = problems(write(minimal(**{f"key{n}": n for n in range(5000)})))
    assert len(found) == 50


@pytest.mark.parametrize("data", [b"[]", b"null", b'"locara/v1"', b"7", b"true"])
def test_a_manifest_is_an_object(data: bytes) -> None:
    (problem,) = problems(data)
    assert (problem.code, problem.pointer, problem.line) == ("wrong_type", "", 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xef\xbb\xbf{}", "json_bom"),
        (b'{"name": "a", "name": "b"}', "json_duplicate_key"),
        (b'{"name": NaN}', "json_number"),
        (b'{"name": "\\ud800"}', "json_surrogate"),
        (b"[" * 100_000, "json_too_deep"),
        (b" " * 10_000_000, "json_too_large"),
        (b"{}\0", "json_nul"),
        (b"\xff", "json_not_utf8"),
        (b"{", "json_syntax"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_what_is_no_strict_json_is_no_manifest(data: bytes, code: str) -> None:
    (problem,) = problems(data)
    assert problem.code == code


def test_a_manifest_does_not_change(minimal: Build) -> None:
    manifest = parse_manifest(write(minimal()))
    with pytest.raises(ValueError, match="frozen"):
        manifest.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        manifest.capabilities.net = True  # type: ignore[misc]


def test_a_manifest_comes_from_its_bytes_only(minimal: Build) -> None:
    with pytest.raises(TypeError, match="parse_manifest"):
        Manifest.model_validate(minimal())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "read", "a.b", PIN, "\u202e", "hosts", "flag", "../x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["allowed_hosts", "hosts", "flag", "mode", "id", "x/y", "~"]), inner,
    max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_value_anywhere_is_read_or_refused_with_a_place(minimal: Build, data: st.DataObject) -> None:
    pointers = [pointer for pointer, *_ in BAD if pointer.count("/") < 3]
    value = place(minimal(), data.draw(st.sampled_from(pointers)), data.draw(JSON))
    text = write(value)
    try:
        parse_manifest(text)
    except ManifestError as error:
        for problem in error.problems:
            assert 1 <= problem.line <= text.count(b"\n") + 1
            assert problem.column >= 1
            assert problem.code in MANIFEST_CODES
            assert problem.message.isprintable()


# What an author reads about a value of another type: what is expected there, and what is there.
TYPES = [
    ("/name", None, "a string is expected, not null"),
    ("/name", True, "a string is expected, not true or false"),
    ("/name", 7, "a string is expected, not a number"),
    ("/name", 1.5, "a string is expected, not a number"),
    ("/name", [], "a string is expected, not an array"),
    ("/name", {}, "a string is expected, not an object"),
    ("/tags", {}, "an array is expected, not an object"),
    ("/tags", "a", "an array is expected, not a string"),
    ("/author", [], "an object is expected, not an array"),
    ("/capabilities", None, "an object is expected, not null"),
    ("/capabilities/fs.app-data", "all", '"all" is none of the values false, "read" or "read-write"'),
    ("/capabilities/background", {"mode": "x"}, '"x" is none of the values false, "passive" or "active"'),
]


@pytest.mark.parametrize(("pointer", "value", "message"), TYPES)
def test_a_value_of_another_type_is_told_in_plain_words(
    minimal: Build, pointer: str, value: object, message: str
) -> None:
    *way, last = pointer[1:].split("/")
    document = minimal()
    place = document
    for step in way:
        place = place[step]
    place[last] = value
    (problem,) = problems(write(document))
    assert problem.message == message and problem.pointer.startswith(pointer) and problem.line > 1


def test_what_has_no_place_of_its_own_is_told_at_the_nearest_thing_that_has_one() -> None:
    positions = {"": (1, 1), "/a": (2, 3)}
    assert at(positions, "/a/b/c") == (2, 3)
    assert at(positions, "/x/y") == (1, 1)
    assert at({}, "/x") == (1, 1), "a file has a first line"


@pytest.mark.parametrize("step", [2, 3, 9])
def test_a_place_behind_the_end_of_a_list_has_a_pointer_all_the_same(step: int) -> None:
    assert pointer_of(("models", step, "id"), {"models": ["a", "b"]}) == f"/models/{step}/id"


def test_a_name_that_only_the_model_knows_is_in_no_pointer_unless_it_is_a_key_there() -> None:
    for inside, pointer in (({"flag": 1}, "/a/flag"), ({}, "/a")):
        assert pointer_of(("a", "flag"), {"a": inside}) == pointer
        assert pointer_of(("l", 0, "a", "flag"), {"l": [{"a": inside}]}) == f"/l/0{pointer}"


def test_what_is_missing_in_one_place_is_told_by_name(minimal: Build) -> None:
    value = minimal()
    for key in ("version", "icon"):
        del value[key]
    assert [problem.pointer for problem in problems(write(value))] == ["/icon", "/version"]


def test_entries_that_are_refused_are_not_told_to_be_too_few_as_well(minimal: Build) -> None:
    found = problems(write(minimal(screenshots=["/x"], tags=["UP"])))
    assert {problem.pointer for problem in found} == {"/screenshots/0", "/tags/0"}
