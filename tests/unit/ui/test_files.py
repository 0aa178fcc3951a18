"""What `locara://app/` answers: files of the built page, with the policy, and nothing else of the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.ui.webkit.files import POLICY, serve

SECRET = b"canary-outside-the-page"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("served")
    (base / "secret.txt").write_bytes(SECRET)
    page = base / "page"
    (page / "deep").mkdir(parents=True)
    (page / "index.html").write_text("<p>start")
    (page / "deep" / "a b.js").write_text("1")
    (page / "out").symlink_to(base)
    (page / "link.txt").symlink_to(base / "secret.txt")
    os.mkfifo(page / "pipe")
    return page


def test_a_file_comes_with_its_type_and_the_policy(page: Path) -> None:
    served = serve(str(page), "locara://app/deep/a%20b.js?x#y", "index.html")
    assert served is not None
    assert (served.data, served.media_type) == (b"1", "text/javascript")
    headers = dict(served.headers)
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Content-Type"] == "text/javascript", (
        "nosniff drops a file whose type is not in the header"
    )


def test_the_bare_address_is_the_entry(page: Path) -> None:
    served = serve(str(page), "locara://app/", "index.html")
    assert served is not None and served.data == b"<p>start"


@pytest.mark.parametrize(
    "uri",
    [
        "locara://app/../secret.txt",
        "locara://app/%2e%2e/secret.txt",
        "locara://app/deep/..%2f..%2fsecret.txt",
        "locara://app/out/secret.txt",
        "locara://app/link.txt",
        "locara://app/pipe",
        "locara://app/deep",
        "locara://app/index.html%00.js",
        "locara://app/..\\secret.txt",
        "locara://other/index.html",
        "locara://app@other/index.html",
        "file:///etc/passwd",
        "http://app/index.html",
    ],
)
def test_nothing_else_is_answered(page: Path, uri: str) -> None:
    assert serve(str(page), uri, "index.html") is None


pieces = st.sampled_from(
    [
        "..",
        ".",
        "",
        "deep",
        "out",
        "link.txt",
        "secret.txt",
        "%2e%2e",
        "%2f",
        "%5c",
        "\\",
        "\0",
        "//",
        "~",
        "page",
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(pieces, max_size=7))
def test_no_spelling_reaches_a_file_outside(page: Path, parts: list[str]) -> None:
    served = serve(str(page), "locara://app/" + "/".join(parts), "index.html")
    assert served is None or served.data != SECRET
    assert (page.parent / "secret.txt").read_bytes() == SECRET
