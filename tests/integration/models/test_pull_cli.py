"""`locara models` as a person runs it: pull, pin, import, list, verify, gc, against a real https server."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache
from locara.models.hub import HubRef, look_up
from locara.models.web import Web
from tests.integration.models.conftest import Content, Server, redirect, status

FIXTURE = Path(__file__).parents[3] / "fixtures/models/locara-tiny-chat.gguf"
MODEL = FIXTURE.read_bytes()
DIGEST = Digest.of(MODEL)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "person").mkdir()
    return tmp_path / "person"


@pytest.fixture
def environment(home: Path, certificates: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "PYTHONPATH"}}
    return {**kept, "HOME": str(home), "NO_COLOR": "1", "SSL_CERT_FILE": str(certificates / "ca.pem")}


@pytest.fixture
def models(environment: dict[str, str]) -> Run:
    def run(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "locara", "models", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )

    return run


@pytest.fixture
def cache(home: Path) -> ModelCache:
    return ModelCache(home / ".cache/Locara/models")


def make_app(folder: Path, *pins: str, **more: object) -> Path:
    folder.mkdir()
    document = {
        "schema": "locara/v1",
        "name": folder.name,
        "publisher": "acme",
        "version": "1.2.3",
        "displayName": "Probe",
        "description": "A small app for a test.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "acme@example.com"},
        "icon": "public/icon.png",
        "screenshots": ["screenshots/one.png"],
        "category": "utilities",
        "capabilities": {"net": False, "models": list(pins)} if pins else {"net": False},
        **more,
    }
    (folder / "locara.json").write_text(json.dumps(document, indent=2) + "\n")
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path / "probe", f"chat@{DIGEST}")


def entry(*urls: str, data: bytes = MODEL, **more: object) -> dict[str, object]:
    return {
        "id": "locara-tiny-chat",
        "version": "1.0.0",
        "displayName": "A tiny chat model",
        "license": "Apache-2.0",
        "modality": "text-to-text",
        "size": len(data),
        "sha256": Digest.of(data).hex,
        "urls": list(urls),
        **more,
    }


def index_of(*entries: dict[str, object]) -> bytes:
    return json.dumps({"schema": "locara-models/1", "models": list(entries)}).encode()


def test_an_app_is_pulled_listed_verified_and_collected(models, serve, app, cache) -> None:
    server = serve()
    server.put("/files/m.gguf", Content(MODEL))
    index = server.put("/index.json", Content(index_of(entry("files/m.gguf"))))
    dry = models("pull", app, "--index", index, "--dry-run")
    assert dry.returncode == 0
    assert f"chat  1.9 MB, licence Apache-2.0, from localhost:{server.port}" in dry.stdout
    assert not cache.root.exists()
    done = models("pull", app, "--index", index)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"chat  added as {DIGEST}" in done.stdout
    cache.verify(DIGEST)
    asked = len(server.requests)
    assert "chat  in the cache" in models("pull", app).stdout
    assert len(server.requests) == asked

    (row,) = json.loads(models("list", "--json").stdout)
    assert (row["id"], row["digest"], row["size"]) == ("chat", str(DIGEST), len(MODEL))
    assert (row["license"], row["apps"]) == ("Apache-2.0", ["acme/probe"])
    assert row["verified"].endswith("Z")
    shown = models("list").stdout
    assert f"chat@{DIGEST}  1.9 MB\n" in shown
    assert "pinned by acme/probe" in shown
    assert models("verify").stdout == f"ok  {DIGEST}  unsigned\n"

    assert "nothing to remove" in models("gc", "--yes").stdout
    cache.verify(DIGEST)
    (app / "locara.json").unlink()
    listed = models("gc")
    assert f"chat@{DIGEST}  1.9 MB\n1.9 MB can be removed" in listed.stdout
    cache.verify(DIGEST)
    assert "removed 1.9 MB" in models("gc", "--yes").stdout
    assert cache.list() == ()


def test_a_flipped_bit_is_found(models, cache) -> None:
    cache.add_file(FIXTURE)
    blob = cache.blob(DIGEST)
    assert blob is not None
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    found = models("verify")
    assert found.returncode == 1
    assert "error: the cached model" in found.stderr
    assert models("verify", str(DIGEST)).returncode == 1


def test_an_apps_own_index_is_used_and_files_beside_it(models, app, cache) -> None:
    (app / "locara-models.json").write_bytes(index_of(entry("models/m.gguf")))
    (app / "models").mkdir()
    (app / "models/m.gguf").write_bytes(MODEL)
    done = models("pull", app)
    assert done.returncode == 0, done.stderr
    assert "from a file on this machine" in done.stdout
    cache.verify(DIGEST)


def test_one_pin_from_a_local_index(models, serve, tmp_path, cache) -> None:
    server = serve()
    path = tmp_path / "index.json"
    bad, good = server.put("/bad", Content(MODEL[::-1])), server.put("/good", Content(MODEL))
    path.write_bytes(index_of(entry(bad, good)))
    done = models("pull", f"any@{DIGEST}", "--index", path)
    assert done.returncode == 0
    assert f"has {Digest.of(MODEL[::-1])}" in done.stderr
    cache.verify(DIGEST)


def test_what_cannot_be_had_is_one_clear_error(models, serve, app, tmp_path, cache) -> None:
    server = serve()
    index = tmp_path / "index.json"
    cases = [
        ([], "no index names a source for chat@"),
        ([entry(server.put("/wrong", Content(MODEL[::-1])))], f"expected {DIGEST}"),
        ([entry(server.url("/absent"))], "answers 404"),
        ([entry(server.put("/plain", redirect("http://localhost/m")))], "only https is used"),
    ]
    for entries, words in cases:
        index.write_bytes(index_of(*entries))
        done = models("pull", app, "--index", index)
        assert done.returncode == 1
        assert words in done.stderr
        assert "help:" in done.stderr
        assert "Traceback" not in done.stderr
        assert cache.list() == ()


def test_a_file_that_is_no_model_is_refused_with_its_kind(models, serve, tmp_path, cache) -> None:
    server = serve()
    for number, (data, words) in enumerate(
        [
            (b"PK\x03\x04" + b"x" * 100, "zip archive"),
            (b"\x80\x04" + b"x" * 100, "pickle"),
            (b"GGUF" + b"\xff" * 100, "GGUF version"),
            (MODEL[:-1], "the tensors need"),
            (b"<!DOCTYPE html>", "web page"),
        ]
    ):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        done = models("import", path, "--id", "m")
        assert done.returncode == 1
        assert words in done.stderr
        index = tmp_path / "index.json"
        index.write_bytes(index_of(entry(server.put("/m", Content(data)), data=data)))
        done = models("pull", f"m@{Digest.of(data)}", "--index", index)
        assert done.returncode == 1
        assert words in done.stderr
        assert cache.list() == ()


def test_import_keeps_the_expected_file_and_no_other(models, cache) -> None:
    refused = models("import", FIXTURE, "--id", "chat", "--expect", f"sha256:{'0' * 64}")
    assert refused.returncode == 1
    assert str(DIGEST) in refused.stderr
    assert cache.list() == ()
    done = models("import", FIXTURE, "--id", "chat", "--expect", str(DIGEST), "--license", "Apache-2.0")
    assert done.returncode == 0
    assert f'"models": ["chat@{DIGEST}"]' in done.stdout
    cache.verify(DIGEST)


@pytest.mark.parametrize("name", ["../../canary", "", "a\\b"])
def test_a_name_never_becomes_a_path(models, name, tmp_path, cache, home) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = models("import", FIXTURE, f"--id={name}")
    assert done.returncode == 1
    assert "not a model pin" in done.stderr
    assert models("pull", f"../..@{DIGEST}").returncode == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_gc_removes_nothing_when_an_app_cannot_be_read(models, app, cache, tmp_path) -> None:
    cache.add_file(FIXTURE, meta={"id": "chat"})
    (app / "locara.json").write_text("{")
    done = models("gc", "--app", app, "--yes")
    assert done.returncode == 4
    assert models("gc", "--app", tmp_path / "absent", "--yes").returncode == 2
    cache.verify(DIGEST)


def test_gc_forgets_parts_of_downloads_and_keeps_what_a_named_app_pins(models, app, cache) -> None:
    cache.add_file(FIXTURE, meta={"id": "chat"})
    part = cache.root / ".downloads" / ("a" * 64)
    part.mkdir(parents=True)
    (part / "body").write_bytes(b"x" * 1000)
    assert f"part of sha256:{'a' * 64}  1.0 kB" in models("gc", "--app", app, "--yes").stdout
    assert not part.exists()
    cache.verify(DIGEST)


def test_a_profile_decides_what_this_machine_gets(models, serve, tmp_path, cache) -> None:
    large = f"large@sha256:{'b' * 64}"
    app = make_app(
        tmp_path / "sized",
        f"small@{DIGEST}",
        large,
        profiles={
            "low": {"min_ram_gb": 1, "models": [f"small@{DIGEST}"]},
            "high": {"min_ram_gb": 1024, "models": [large]},
        },
    )
    (tmp_path / "index.json").write_bytes(index_of(entry(serve().put("/m", Content(MODEL)))))
    done = models("pull", app, "--index", tmp_path / "index.json")
    assert done.returncode == 0, done.stderr
    assert "profile low for this machine" in done.stdout
    assert models("pull", app, "--index", tmp_path / "index.json", "--all").returncode == 1


def test_a_bar_on_a_terminal_and_none_elsewhere(environment, serve, app, tmp_path) -> None:
    (tmp_path / "index.json").write_bytes(index_of(entry(serve().put("/m", Content(MODEL)))))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "locara", "models", "pull", str(app), "--index", str(tmp_path / "index.json")],
        env={**{k: v for k, v in environment.items() if k != "NO_COLOR"}, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    drawn = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "chat" in drawn
    assert "\x1b[" in drawn


@pytest.mark.parametrize("action", ["pull", "pin", "list", "verify", "import", "gc"])
def test_every_action_shows_examples(models, action) -> None:
    shown = models(action, "--help")
    assert shown.returncode == 0
    assert f"examples:\n  locara models {action}" in shown.stdout


# --- pin: a server that follows the hub's published interface


def hub(server: Server, *, size: int = len(MODEL), oid: str = DIGEST.hex, **more: object) -> Server:
    """org/repo at v1.0, with dir/Tiny.Q8_0.gguf as a large file and README.md as a small one."""
    facts = {"id": "org/repo", "sha": COMMIT, "gated": False, "tags": ["gguf", "license:apache-2.0"]}
    listed = [
        {
            "type": "file",
            "oid": "c" * 40,
            "size": size,
            "path": "dir/Tiny.Q8_0.gguf",
            "lfs": {"oid": oid, "size": size, "pointerSize": 132},
        }
    ]
    said = {"X-Linked-ETag": f'"{oid}"', "X-Linked-Size": str(size), "X-Repo-Commit": COMMIT, **more}
    for revision in ("main", "v1.0"):
        server.put(f"/api/models/org/repo/revision/{revision}", Content(json.dumps(facts).encode()))
    server.put(f"/api/models/org/repo/paths-info/{COMMIT}", Content(json.dumps(listed).encode()))
    path = f"/org/repo/resolve/{COMMIT}/dir/Tiny.Q8_0.gguf"

    def resolve(handler) -> None:
        if handler.command == "HEAD":
            names = {name.replace("-", "_"): str(value) for name, value in said.items()}
            status(302, Location=server.url("/cdn"), **names)(handler)
        else:
            redirect(server.url("/cdn"))(handler)

    server.put(path, resolve)
    server.put("/cdn", Content(MODEL))
    return server


def test_a_model_of_the_hub_is_pinned_and_pulled(models, serve, tmp_path, cache) -> None:
    server = hub(serve())
    app = make_app(tmp_path / "probe", f"other@sha256:{'d' * 64}")
    before = (app / "locara.json").read_bytes()
    ref = "hf:org/repo/dir/Tiny.Q8_0.gguf@v1.0"
    shown = models("pin", ref, "--app", app, "--hub", server.url(""))
    assert shown.returncode == 0, shown.stderr
    assert "1.9 MB, licence Apache-2.0" in shown.stdout
    assert f'+      "tiny.q8_0@{DIGEST}"' in shown.stdout
    assert "add --write" in shown.stdout
    assert (app / "locara.json").read_bytes() == before
    assert not (app / "locara-models.json").exists()

    done = models("pin", ref, "--app", app, "--hub", server.url(""), "--write")
    assert done.returncode == 0, done.stderr
    pins = json.loads((app / "locara.json").read_text())["capabilities"]["models"]
    assert pins == [f"other@sha256:{'d' * 64}", f"tiny.q8_0@{DIGEST}"]
    assert json.loads(server.bodies[1]) == {"paths": ["dir/Tiny.Q8_0.gguf"], "expand": False}

    pulled = models("pull", f"tiny.q8_0@{DIGEST}", "--index", app / "locara-models.json")
    assert pulled.returncode == 0, pulled.stderr
    cache.verify(DIGEST)
    again = models("pin", ref, "--app", app, "--hub", server.url(""), "--write")
    assert "pins it already" in again.stdout


def test_the_id_of_a_pin_can_be_kept_while_the_model_changes(models, serve, app) -> None:
    server = hub(serve())
    document = (app / "locara.json").read_text().replace(DIGEST.hex, "e" * 64)
    (app / "locara.json").write_text(document)
    args = (
        "pin",
        "hf:org/repo/dir/Tiny.Q8_0.gguf",
        "--app",
        app,
        "--hub",
        server.url(""),
        "--id",
        "chat",
        "--write",
    )
    assert models(*args).returncode == 0
    assert (app / "locara.json").read_text() == document.replace("e" * 64, DIGEST.hex)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X-Linked-ETag": f'"{"f" * 64}"'}, "two different values for the digest"),
        ({"X-Linked-Size": "5"}, "two different values for the size"),
        ({"X-Repo-Commit": "f" * 40}, "two different values for the commit"),
        ({"oid": "f" * 63}, "names no sha256"),
        ({"size": 0}, "no single size"),
        ({"size": -1}, "no single size"),
    ],
)
def test_a_hub_that_contradicts_itself_is_not_believed(serve, trusted, change, words) -> None:
    server = hub(serve(), **change)
    with pytest.raises(ModelError, match=words):
        look_up(HubRef.parse("hf:org/repo/dir/Tiny.Q8_0.gguf"), Web(), hub=server.url(""))


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/api/models/org/repo/revision/main", b"{", "not JSON"),
        ("/api/models/org/repo/revision/main", b'{"sha": "main"}', "names no commit"),
        ("/api/models/org/repo/revision/main", b"[" * 100_000, "not JSON"),
        (f"/api/models/org/repo/paths-info/{COMMIT}", b"[]", "shows no such file"),
        (
            f"/api/models/org/repo/paths-info/{COMMIT}",
            b'[{"type": "directory", "path": "dir"}]',
            "no such file",
        ),
        (
            f"/api/models/org/repo/paths-info/{COMMIT}",
            b'[{"type": "file", "path": "dir/Tiny.Q8_0.gguf", "size": 5, "oid": "c"}]',
            "small file",
        ),
    ],
)
def test_an_answer_the_interface_does_not_know_is_an_error(serve, trusted, path, answer, words) -> None:
    server = hub(serve())
    server.put(path, Content(answer))
    with pytest.raises(ModelError, match=words):
        look_up(HubRef.parse("hf:org/repo/dir/Tiny.Q8_0.gguf"), Web(), hub=server.url(""))


def test_a_pin_that_cannot_be_looked_up_changes_nothing(models, serve, app) -> None:
    server = hub(serve(), oid="f" * 63)
    before = (app / "locara.json").read_bytes()
    args = ("pin", "hf:org/repo/dir/Tiny.Q8_0.gguf", "--app", app, "--hub", server.url(""), "--write")
    done = models(*args)
    assert done.returncode == 1
    assert "names no sha256" in done.stderr
    assert (app / "locara.json").read_bytes() == before
    assert [path.name for path in app.iterdir()] == ["locara.json"]


def test_a_gated_file_is_told_and_no_credential_is_looked_for(models, serve, app) -> None:
    server = hub(serve())
    server.put(f"/org/repo/resolve/{COMMIT}/dir/Tiny.Q8_0.gguf", status(401, WWW_Authenticate="Bearer"))
    done = models("pin", "hf:org/repo/dir/Tiny.Q8_0.gguf", "--app", app, "--hub", server.url(""))
    assert done.returncode == 1
    assert "signed in" in done.stderr
    assert all("Authorization" not in headers for _, _, headers in server.requests)
