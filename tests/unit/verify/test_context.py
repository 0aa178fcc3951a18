"""The world of a check: its own randomness and folders, and variants of the app that are what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara_verify.budget import PROFILES
from locara_verify.context import Context
from locara_verify.target import load


@pytest.fixture
def context(make_app, tmp_path):
    def make(seed: int = 7, workdir: str = "work") -> Context:
        app = tmp_path / "app"
        if not app.exists():
            make_app()
        return Context(load(app), PROFILES["quick"], seed, tmp_path / workdir, tmp_path)

    return make


def test_randomness_depends_on_the_seed_and_the_name_and_on_nothing_else(context) -> None:
    drawn = {
        (seed, name): [context(seed).rng(name).random() for _ in range(2)]
        for seed in (0, 1, 7, 2**64 - 1)
        for name in ("a", "b", "ab", "", "1:a")
    }
    assert len({tuple(values) for values in drawn.values()}) == len(drawn)
    assert all(first == second for first, second in drawn.values())
    assert context(7, "elsewhere").seed_for("a") == context(7).seed_for("a")
    assert {context(seed).seed_for("a") >> 64 for seed in range(50)} == {0}
    assert len({context(seed).seed_for("a") for seed in range(50)}) == 50


def test_each_folder_is_new_and_empty(context) -> None:
    ctx = context()
    folders = [ctx.fresh_dir(name) for name in ("home", "home", "a/b", "home")]
    assert len(set(folders)) == 4
    for folder in folders:
        assert list(folder.iterdir()) == []
        assert folder.is_relative_to(ctx.workdir)
        (folder / "x").write_text("x")
    again = context().fresh_dir("home")
    assert again not in folders


@pytest.mark.parametrize("page", [True, False])
def test_a_variant_is_the_app_with_its_edit_and_the_app_stays(context, page) -> None:
    ctx = context()
    before = load(ctx.target.path).digest

    def edit(document: dict[str, object]) -> None:
        document["capabilities"] = {"net": True}
        document["version"] = "2.0.0"

    folder = ctx.variant("wider", edit, page=page)
    document = json.loads((folder / "locara.json").read_bytes())
    assert document == {
        **json.loads(ctx.target.manifest_bytes),
        "capabilities": {"net": True},
        "version": "2.0.0",
    }
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"locara.json", "db/schema.sql", *(["dist/index.html"] if page else [])}
    for name in files - {"locara.json"}:
        assert (folder / name).read_bytes() == (ctx.target.path / name).read_bytes()
    assert load(ctx.target.path).digest == before


def test_progress_and_caches_are_those_of_the_run(context, tmp_path) -> None:
    told: list[tuple[int, int, str]] = []
    made = context()
    ctx = Context(
        made.target, made.profile, 7, made.workdir, made.fixtures, Path(tmp_path / "models"), strict=True,
        report=lambda done, total, note: told.append((done, total, note)),
    )  # fmt: skip
    ctx.progress(3, 9, "half")
    assert told == [(3, 9, "half")]
    assert ctx.model_cache.root == tmp_path / "models"
    assert ctx.grants is made.target.grants
