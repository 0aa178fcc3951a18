"""Fetching from real https servers: resume, mirrors, hostile servers, full disks, races, interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache
from locara.models.fetch import DOWNLOADS, MAX_TRIES, Wanted, Watch, fetch, partials
from locara.models.web import Url, Web
from tests.integration.models.conftest import Content, redirect, status

DATA = bytes(range(256)) * 4_096  # 1 MiB
DIGEST = Digest.of(DATA)
OTHER = bytes(reversed(DATA))


@dataclass
class Fetcher:
    root: Path

    @property
    def cache(self) -> ModelCache:
        return ModelCache(self.root)

    def __call__(
        self, *urls: str | Path, size: int = len(DATA), timeout: float = 20.0, **watch: object
    ) -> None:
        sources = tuple(url if isinstance(url, Path) else Url.parse(url) for url in urls)
        wanted = Wanted(DIGEST, size, sources, {"id": "demo"})
        fetch(self.cache, wanted, web=Web(timeout=timeout), watch=Watch(**watch))  # type: ignore[arg-type]

    def refused(self, *urls: str | Path, code: str, **options: object) -> ModelError:
        with pytest.raises(ModelError) as caught:
            self(*urls, **options)  # type: ignore[arg-type]
        assert caught.value.code == code, caught.value.diagnostics()
        return caught.value

    def is_there(self) -> bool:
        """The entry is complete, right, and nothing of the download is left."""
        self.cache.verify(DIGEST)
        assert self.left() == []
        return True

    def left(self) -> list[str]:
        """Whatever is in the cache besides locks and the entry."""
        files = [path for path in self.root.rglob("*") if path.is_file() and path.suffix != ".lock"]
        entry = self.root / DIGEST.hex
        return sorted(str(path.relative_to(self.root)) for path in files if path.parent != entry)


@pytest.fixture
def get(tmp_path: Path, trusted: Path) -> Fetcher:
    return Fetcher(tmp_path / "cache")


def test_a_file_is_fetched_under_its_digest_whatever_the_server_calls_it(get, serve, tmp_path) -> None:
    server = serve()
    hostile = {
        "Content-Disposition": 'attachment; filename="../../../../canary.gguf"',
        "Content-Location": "/../canary.gguf",
    }
    seen: list[int] = []
    get(server.put("/..%2f..%2fcanary.gguf", Content(DATA, headers=hostile)), progress=seen.append)
    assert get.is_there()
    assert seen == sorted(seen)
    assert seen[-1] == len(DATA)
    assert get.cache.blob(DIGEST).stat().st_mode & 0o777 == 0o444
    (entry,) = get.cache.list()
    assert entry.meta["id"] == "demo"
    assert list(tmp_path.rglob("*canary*")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


def test_a_second_call_asks_nobody(get, serve) -> None:
    server = serve()
    url = server.put("/m", Content(DATA))
    get(url)
    get(url)
    assert len(server.requests) == 1


def test_nothing_that_names_the_person_is_sent(get, serve, monkeypatch, tmp_path) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login me password secret\n")
    for name in ("HOME", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, str(tmp_path) if name == "HOME" else "http://127.0.0.1:9")
    server = serve()
    second = server.put("/real", Content(DATA))
    get(server.put("/m", redirect(second)))
    for _, _, headers in server.requests:
        assert set(headers) <= {"Host", "Accept-Encoding", "User-Agent", "Connection"}
        assert headers["User-Agent"].startswith("locara/")


def test_an_answer_that_asks_for_credentials_is_an_error_and_gets_none(get, serve) -> None:
    thief, server = serve(), serve()
    realm = f'Bearer realm="{thief.url("/token")}",service="x"'
    error = get.refused(server.put("/m", status(401, WWW_Authenticate=realm)), code="unreachable")
    assert "401" in error.message
    assert thief.requests == []


# --- resume


def test_a_cut_download_goes_on_in_the_same_call(get, serve) -> None:
    server = serve()
    get(server.put("/m", Content(DATA, cut_after=300_000)))
    assert get.is_there()
    asked = [headers.get("Range") for headers in server.gets("/m")]
    assert asked == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]
    assert {headers.get("If-Range") for headers in server.gets("/m")[1:]} == {'"one"'}


def test_a_cut_download_goes_on_in_the_next_call(get, serve) -> None:
    server = serve()
    content = Content(DATA, cut_after=100_000)
    url = server.put("/m", content)
    error = get.refused(url, code="unreachable")
    assert "goes on from there" in (error.fix or "")
    received = 100_000 * MAX_TRIES
    assert partials(get.cache) == ((DIGEST, received),)
    assert get.cache.list() == ()
    content.cut_after = None
    get(url)
    assert server.gets("/m")[-1]["Range"] == f"bytes={received}-"
    assert get.is_there()


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_file_that_changed_in_between_is_fetched_from_its_start(get, serve, etag) -> None:
    server = serve()
    url = server.put("/m", Content(OTHER, cut_after=400_000, cuts=1, etag='"one"'))
    server.paths["/m"] = _first(Content(OTHER, cut_after=400_000), Content(DATA, etag=etag))
    get(url)
    assert get.is_there()


def test_a_server_that_ignores_ranges_is_read_from_the_start(get, serve) -> None:
    server = serve()
    get(server.put("/m", Content(DATA, ranges=False, cut_after=900_000, cuts=1)))
    assert get.is_there()
    assert len(server.gets("/m")) == 2


def test_without_a_validator_the_digest_decides(get, serve) -> None:
    server = serve()
    url = server.put("/m", _first(Content(OTHER, cut_after=400_000, etag=None), Content(DATA, etag=None)))
    get(url)
    assert get.is_there()
    # Mixed bytes were found, and the file was asked for once more from its start.
    assert [headers.get("Range") for headers in server.gets("/m")] == [None, "bytes=400000-", None]


def test_another_mirror_goes_on_where_the_first_one_stopped(get, serve) -> None:
    first, second = serve(), serve()
    get(
        first.put("/m", _first(Content(DATA, cut_after=500_000), status(503))),
        second.put("/m", Content(DATA, etag='"another"')),
    )
    assert get.is_there()
    (asked,) = second.gets("/m")
    assert asked["Range"] == "bytes=500000-"
    assert "If-Range" not in asked


@pytest.mark.parametrize(
    "answer", ["bytes 0-9/1048576", "bytes 5-1048575/1048576", "bytes 400000-1048575/9", "x"]
)
def test_a_part_that_was_not_asked_for_is_not_used(get, serve, answer) -> None:
    def wrong_part(handler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", answer)
        handler.end_headers()
        handler.wfile.write(DATA[400_000:])

    server = serve()
    url = server.put("/m", _first(Content(DATA, cut_after=400_000), wrong_part))
    assert "another part" in get.refused(url, code="unreachable").message
    assert partials(get.cache) == ((DIGEST, 400_000),)


def test_a_damaged_or_oversized_part_is_noticed(get, serve) -> None:
    server = serve()
    content = Content(DATA, cut_after=200_000)
    url = server.put("/m", content)
    get.refused(url, code="unreachable")
    body = get.root / DOWNLOADS / DIGEST.hex / "body"
    for damage in (b"x" * 500_000, b"x" * (len(DATA) + 1), b"x" * len(DATA), b""):
        body.parent.mkdir(parents=True, exist_ok=True)
        body.write_bytes(damage)
        content.cut_after = None
        get(url)
        assert get.is_there()
        get.cache.remove(DIGEST)


@pytest.mark.parametrize(
    "note", [b"[]", b"{", b'{"url": 1}', b'{"url": "https://x/", "validator": "a\\r\\nB: c"}']
)
def test_a_broken_note_is_no_note(get, serve, note) -> None:
    server = serve()
    content = Content(DATA, cut_after=100_000)
    url = server.put("/m", content)
    get.refused(url, code="unreachable")
    (get.root / DOWNLOADS / DIGEST.hex / "from.json").write_bytes(note)
    content.cut_after = None
    get(url)
    assert get.is_there()
    assert "B" not in server.gets("/m")[-1]


def test_a_link_in_place_of_the_part_is_not_followed(get, serve, tmp_path) -> None:
    canary = tmp_path / "canary"
    canary.write_bytes(b"mine")
    folder = get.root / DOWNLOADS / DIGEST.hex
    folder.mkdir(parents=True)
    (folder / "body").symlink_to(canary)
    get.refused(serve().put("/m", Content(DATA)), code="not_cached")
    assert canary.read_bytes() == b"mine"


# --- mirrors and hostile servers


def _first(*behaviours: Callable) -> Callable:
    """Behave as each in turn, then as the last for ever."""
    left = list(behaviours)

    def behave(handler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return behave


@pytest.mark.parametrize(
    "bad",
    [
        Content(OTHER),
        Content(DATA + b"x"),
        Content(DATA + b"x", length=-1),
        Content(DATA, endless=True),
        Content(DATA, length=1 << 62),
        Content(DATA[:-1]),
        Content(b""),
        Content(DATA, headers={"Content-Encoding": "gzip"}),
        status(404),
        status(500),
        status(204),
        status(206),
    ],
    ids=[
        "bytes",
        "long",
        "unannounced",
        "endless",
        "huge",
        "short",
        "empty",
        "gzip",
        "404",
        "500",
        "204",
        "206",
    ],
)
def test_a_bad_mirror_is_passed_over_and_nothing_of_it_is_kept(get, serve, bad) -> None:
    server = serve()
    reasons: list[str] = []
    get(server.put("/bad", bad), server.put("/good", Content(DATA)), failed=reasons.append)
    assert get.is_there()
    assert len(reasons) == 1
    assert "localhost" in reasons[0]


def test_wrong_bytes_everywhere_is_an_error_that_names_both_digests(get, serve) -> None:
    server = serve()
    error = get.refused(
        server.put("/a", Content(OTHER)), server.put("/b", status(500)), code="digest_mismatch"
    )
    assert str(DIGEST) in error.message
    assert str(Digest.of(OTHER)) in error.message
    assert get.left() == []
    assert get.cache.list() == ()


def test_an_endless_answer_ends_at_the_size_of_the_index(get, serve) -> None:
    server = serve()
    error = get.refused(server.put("/m", Content(DATA, endless=True)), code="digest_mismatch")
    assert "more bytes" in error.message
    assert get.left() == []


def test_a_silent_server_is_given_up(get, serve) -> None:
    silent = threading.Semaphore(0)
    content = Content(DATA[:1000], length=len(DATA), gate=silent)
    server = serve()
    get(server.put("/m", content), server.put("/good", Content(DATA)), timeout=0.3)
    silent.release(100)
    assert get.is_there()


def test_a_dripping_server_is_given_up(get, serve) -> None:
    moments = iter(range(0, 1_000_000, 61))
    server = serve()
    error = get.refused(
        server.put("/m", Content(DATA)), code="unreachable", clock=lambda: float(next(moments)), floor=1 << 30
    )
    assert "too slow" in error.message


def test_no_source_at_all(get) -> None:
    assert "no source" in get.refused(code="unreachable").message


def test_an_unknown_authority_is_refused(get, serve, monkeypatch, tmp_path) -> None:
    server = serve()
    url = server.put("/m", Content(DATA))
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate is not trusted" in get.refused(url, code="unreachable").message
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(get, serve) -> None:
    server = serve("127.0.0.2")
    assert "certificate" in get.refused(server.put("/m", Content(DATA)), code="unreachable").message
    assert server.requests == []


# --- redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed_on_https(get, serve, code) -> None:
    first, second = serve(), serve()
    second.put("/signed", Content(DATA))
    get(first.put("/m", redirect(second.url("/signed?signature=1"), code)))
    assert get.is_there()
    assert len(second.requests) == 1
    assert "Cookie" not in second.requests[0][2]
    assert "Referer" not in second.requests[0][2]


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:1/x",
        "HTTP://localhost/x",
        "file:///etc/passwd",
        "ftp://localhost/x",
        "data:,x",
        "//user:word@localhost/x",
        "https://u@localhost/x",
        "https://010.0.0.1/x",
        "https://2130706433/x",
        "https://loc\u00e4l.example/x",
        "",
        "https://localhost:0/x",
        "https://localhost:99999/x",
    ],
)
def test_a_redirect_elsewhere_is_refused(get, serve, location) -> None:
    server = serve()
    get.refused(server.put("/m", redirect(location)), code="bad_address")
    assert len(server.requests) == 1
    assert get.left() == []


def test_a_circle_of_redirects_ends(get, serve) -> None:
    server = serve()
    url = server.put("/m", redirect("/m"))
    assert "more than 5 times" in get.refused(url, code="bad_address").message
    assert len(server.requests) == 6


# --- this machine


def test_a_file_beside_a_local_index_is_a_source(get, tmp_path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(DATA)
    get(tmp_path / "absent", source)
    assert get.is_there()


def test_a_wrong_file_on_this_machine_leaves_nothing(get, tmp_path) -> None:
    source = tmp_path / "m.gguf"
    for content in (OTHER, DATA + b"x", DATA[:-1]):
        source.write_bytes(content)
        get.refused(source, code="digest_mismatch")
        assert get.left() == []


def test_what_is_no_model_does_not_enter_the_cache(get, serve) -> None:
    def inspect(path: Path) -> None:
        assert path.read_bytes() == DATA
        raise ModelError("no model", code="bad_format")

    server = serve()
    get.refused(server.put("/m", Content(DATA)), code="bad_format", inspect=inspect)
    assert get.cache.list() == ()
    assert get.left() == []


def test_a_model_larger_than_the_disk_is_refused_before_a_byte_is_asked_for(get, serve) -> None:
    server = serve()
    error = get.refused(server.put("/m", Content(DATA)), size=1 << 60, code="disk_full")
    assert "locara models gc" in (error.fix or "")
    assert server.requests == []
    assert get.left() == []


def test_a_damaged_entry_is_fetched_again(get, serve) -> None:
    server = serve()
    url = server.put("/m", Content(DATA))
    get(url)
    blob = get.cache.blob(DIGEST)
    blob.chmod(0o644)
    blob.write_bytes(OTHER)
    get(url)
    assert get.is_there()


FETCH = """
import resource, sys
from pathlib import Path
from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache
from locara.models.fetch import Wanted, Watch, fetch
from locara.models.web import Url, Web
root, url, digest, size, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
watch = Watch(waiting=lambda: print("waiting", flush=True))
try:
    wanted = Wanted(Digest.parse(digest), int(size), (Url.parse(url),))
    fetch(ModelCache(Path(root)), wanted, web=Web(), watch=watch)
    print("done")
except ModelError as error:
    print(error.code)
except KeyboardInterrupt:
    print("interrupted")
"""


def start(get: Fetcher, url: str, *, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, str(get.root), url, str(DIGEST), str(len(DATA)), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_leaves_nothing_and_says_so(get, serve) -> None:
    server = serve()
    url = server.put("/m", Content(DATA))
    assert start(get, url, limit=1 << 19).communicate(timeout=60)[0] == "disk_full\n"
    assert get.cache.list() == ()
    assert get.left() == []
    get(url)
    assert get.is_there()


def test_processes_that_race_make_one_entry_with_one_download(get, serve) -> None:
    gate = threading.Semaphore(0)
    content = Content(DATA, gate=gate, cut_after=len(DATA) - 1, cuts=1)
    server = serve()
    url = server.put("/m", content)
    first = start(get, url)
    assert content.sent.wait(60)
    others = [start(get, url) for _ in range(2)]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
    gate.release(10)
    assert [one.communicate(timeout=60)[0] for one in (first, *others)] == ["done\n"] * 3
    assert get.is_there()
    assert len(get.cache.list()) == 1
    assert len(server.requests) == 2  # the one that was cut, and the rest of it


def test_an_interrupt_leaves_a_part_to_go_on_from_and_nothing_else(get, serve) -> None:
    gate = threading.Semaphore(0)
    content = Content(DATA, gate=gate, cut_after=500_000, cuts=1)
    server = serve()
    url = server.put("/m", content)
    process = start(get, url)
    assert content.sent.wait(60)
    body = get.root / DOWNLOADS / DIGEST.hex / "body"
    while not body.exists() or body.stat().st_size < 500_000:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted\n"
    gate.release(10)
    assert get.cache.list() == ()
    assert get.left() == [f"{DOWNLOADS}/{DIGEST.hex}/body", f"{DOWNLOADS}/{DIGEST.hex}/from.json"]
    get(url)
    assert get.is_there()
    assert server.gets("/m")[-1]["Range"] == "bytes=500000-"


def test_the_lock_of_a_dead_process_is_no_lock(get, serve) -> None:
    gate = threading.Semaphore(0)
    content = Content(DATA, gate=gate, cut_after=1000, cuts=1)
    url = serve().put("/m", content)
    process = start(get, url)
    assert content.sent.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    gate.release(10)
    get(url)
    assert get.is_there()
