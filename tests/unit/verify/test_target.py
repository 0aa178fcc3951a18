from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from locara.core.declarations import Build
from locara_verify import watch
from locara_verify.target import EXCLUDED, PAGE, TargetError, load, read_whole


def test_an_app_is_loaded_with_its_grants(make_app) -> None:
    target = load(make_app())
    assert target.app_id == "example/notes"
    assert target.grants.app_id == "example/notes"
    assert target.problems == ()
    assert [entry.path for entry in target.entries] == [
        "locara.json",
        "db/schema.sql",
        "dist/index.html",
        "public/icon.png",
        "screenshots/one.png",
    ]


def test_the_manifest_itself_may_be_named(make_app) -> None:
    app = make_app()
    assert load(app / "locara.json") == load(app)


def test_the_digest_is_of_content_and_not_of_place_or_time(make_app, tmp_path) -> None:
    app = make_app()
    copy = shutil.copytree(app, tmp_path / "elsewhere")
    os.utime(copy / "locara.json", (1, 1))
    assert load(copy).digest == load(app).digest


@pytest.mark.parametrize(
    "change",
    [
        lambda app: (app / "new.txt").write_text(""),
        lambda app: (app / "dist" / "index.html").write_text("<!doctype html><title>notes</title>\n"),
        lambda app: (app / "dist" / "index.html").rename(app / "dist" / "index.htm"),
        lambda app: (app / "dist" / "index.html").chmod(0o755),
        lambda app: (app / "db" / "schema.sql").unlink(),
        lambda app: (app / "link").symlink_to("locara.json"),
        lambda app: (app / "folder").symlink_to("dist"),
        lambda app: os.mkfifo(app / "pipe"),
    ],
)
def test_every_change_of_the_tree_changes_the_digest(make_app, change) -> None:
    app = make_app()
    before = load(app).digest
    change(app)
    assert load(app).digest != before


def test_two_links_differ_by_where_they_point(make_app) -> None:
    app = make_app()
    (app / "link").symlink_to("a")
    first = load(app).digest
    (app / "link").unlink()
    (app / "link").symlink_to("b")
    assert load(app).digest != first


@pytest.mark.parametrize("name", sorted(EXCLUDED))
def test_folders_of_tools_are_no_part_of_the_app(make_app, name) -> None:
    app = make_app()
    before = load(app).digest
    for folder in ("", "packages/one", "distant", "src/dist", "src/db"):
        (app / folder / name).mkdir(parents=True)
        (app / folder / name / "file").write_text("x")
    assert load(app).digest == before


@pytest.mark.parametrize("name", sorted(EXCLUDED))
@pytest.mark.parametrize(
    ("build", "folder"),
    [
        (None, "dist"),
        ({}, "dist"),
        ({"out": "out/page"}, "out/page"),
        ({"out": "out"}, "out/deep/er"),
        ({"out": "NAME/page"}, "NAME/page"),
        (None, "db"),
        ("damaged", "dist"),
    ],
)
def test_a_folder_that_the_runtime_reads_is_a_part_of_the_app_whatever_its_names(
    make_app, build, folder, name
) -> None:
    folder = folder.replace("NAME", name)
    more = {} if build is None else {"build": json.loads(json.dumps(build).replace("NAME", name))}
    app = make_app(**more)
    seen = {load(app).digest}
    (app / folder / name).mkdir(parents=True)
    for text in ("one", "another"):
        (app / folder / name / "page.js").write_text(text)
        subject = load(app)
        assert f"{folder}/{name}/page.js" in {entry.path for entry in subject.entries}
        seen.add(subject.digest)
    assert len(seen) == 3
    marked = watch.mark(app)
    (app / folder / name / "page.js").write_text("a longer one")
    assert watch.mark(app) != marked


def test_the_page_lies_where_the_manifest_says_by_default() -> None:
    assert Build().out == PAGE


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"build": 3}', b'{"build": {"out": [1]}}', b"[" * 100_000, b"\xff"]
)
def test_a_manifest_that_cannot_be_read_names_no_other_folder(data) -> None:
    assert read_whole(data) == ((PAGE,), ("db",))


def test_names_that_are_no_text_have_a_place_in_the_digest(make_app) -> None:
    app = make_app()
    before = load(app).digest
    Path(os.fsdecode(os.fsencode(app) + b"/\xff\xfe")).write_text("x")
    assert load(app).digest != before


def test_a_link_is_not_followed_out_of_the_app(make_app, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    app = make_app()
    (app / "out").symlink_to(outside)
    assert not [entry for entry in load(app).entries if "secret" in entry.path]


@pytest.mark.parametrize("folder", ["dist", "public", "."])
def test_a_folder_that_cannot_be_read_is_no_empty_one(make_app, monkeypatch, folder) -> None:
    app, look = make_app(), os.scandir

    def scandir(path):
        if Path(path) == app / folder:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(TargetError, match="cannot be read"):
        load(app)


def test_a_broken_manifest_is_a_target_with_problems(make_app) -> None:
    app = make_app()
    (app / "locara.json").write_text('{"name": 1, "name": 2}')
    target = load(app)
    assert target.manifest is None
    assert target.problems[0].code == "json_duplicate_key"
    with pytest.raises(TargetError):
        _ = target.grants


@pytest.mark.parametrize("kind", ["nothing", "file", "empty", "link", "fifo", "folder", "loop"])
def test_what_is_no_app_is_refused_with_a_reason(make_app, tmp_path, kind) -> None:
    app = make_app()
    path = tmp_path / kind
    match kind:
        case "file":
            path.write_text("x")
        case "empty":
            path.mkdir()
        case "link":
            path.mkdir()
            (path / "locara.json").symlink_to(app / "locara.json")
        case "fifo":
            path.mkdir()
            os.mkfifo(path / "locara.json")
        case "folder":
            (path / "locara.json").mkdir(parents=True)
        case "loop":
            path.symlink_to(path)
    with pytest.raises(TargetError) as refused:
        load(path)
    assert refused.value.code in ("not_found", "not_an_app", "unreadable")
    assert str(path) in refused.value.diagnostics()
