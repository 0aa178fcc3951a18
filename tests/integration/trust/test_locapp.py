"""A built bundle: hostile archives, altered files, and `locara verify --strict` on it with its attestations."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.trust.world import BUILDER, COMMIT, SOURCE, Signing, World, new_world, provenance_of, summary_of
from locara.cli.__main__ import main
from locara.core.digest import Digest
from locara.trust import locapp
from locara.trust.locapp import FileList, Unpacked, list_files, unpack
from locara.trust.refusal import Reason, TrustError

ROOT = Path(__file__).resolve().parents[3]
EXPECTED = ["--expect-source", SOURCE, "--expect-builder", BUILDER, "--expect-identity", BUILDER]
ONLY = ["--only", "LC704,LC705,LC706", "--progress", "none"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with new_world("bundle") as made:
        yield made


@pytest.fixture
def app(tmp_path: Path) -> Path:
    assert main(["init", "blank", "notes", "--dir", str(tmp_path), "--publisher", "acme"]) == 0
    place = tmp_path / "notes"
    for extra in ("tests", "test", "src", "vendor", "node_modules"):
        shutil.rmtree(place / extra, ignore_errors=True)
    return place


@pytest.fixture
def listed(app: Path) -> FileList:
    return list_files(app, app_id="acme/notes", version="0.1.0", source=SOURCE, commit=COMMIT)


def attested(world: World, listed: FileList, payload: bytes | None = None) -> bytes:
    return world.sign(Signing(payload=payload or provenance_of(Digest.of(listed.text()))))


@pytest.fixture
def bundle(tmp_path: Path, app: Path, listed: FileList, world: World) -> Path:
    place = tmp_path / "notes.locapp"
    locapp.write(place, app, listed, {"provenance.json": attested(world, listed)})
    (tmp_path / "trust.json").write_bytes(world.trust())
    return place


def opened(place: Path, tmp_path: Path) -> Unpacked:
    into = tmp_path / f"unpacked-{len(list(tmp_path.iterdir()))}"
    into.mkdir()
    return unpack(place, into)


def test_a_bundle_comes_back_as_it_was_and_is_the_same_twice(
    tmp_path: Path, app: Path, listed: FileList, bundle: Path
) -> None:
    found = opened(bundle, tmp_path)
    found.whole()
    assert found.listed == listed and found.digest == Digest.of(listed.text())
    assert (found.app / "locara.json").read_bytes() == (app / "locara.json").read_bytes()
    again = tmp_path / "again.locapp"
    locapp.write(again, app, listed, {"provenance.json": found.attestations[0][1]})
    assert again.read_bytes() == bundle.read_bytes()
    folder = tmp_path / "as-folder"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    opened(folder, tmp_path).whole()


def rewritten(bundle: Path, edit: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    edit(content)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, raw in content.items():
            archive.writestr(name, raw)
    return bundle


ALTERED: dict[str, Callable[[dict[str, bytes]], object]] = {
    "a file more": lambda c: c.update({"app/dist/extra.js": b"x"}),
    "a file outside of app": lambda c: c.update({"extra.txt": b"x"}),
    "a file less": lambda c: c.pop("app/locara.json"),
    "a byte changed": lambda c: c.update({"app/locara.json": c["app/locara.json"].replace(b"acme", b"evil")}),
    "a byte more": lambda c: c.update({"app/locara.json": c["app/locara.json"] + b" "}),
    "a file cut": lambda c: c.update({"app/locara.json": c["app/locara.json"][:-1]}),
}


@pytest.mark.parametrize("name", ALTERED)
def test_other_files_than_listed_are_found(name: str, bundle: Path, tmp_path: Path) -> None:
    opened(bundle, tmp_path).whole()
    found = opened(rewritten(bundle, ALTERED[name]), tmp_path)
    with pytest.raises(TrustError) as caught:
        found.whole()
    assert caught.value.reason is Reason.PACKAGE_MISMATCH


HOSTILE = [
    "../evil",
    "app/../../evil",
    "/tmp/evil",
    "app//evil",
    "app/a\\b",
    "C:/evil",
    "app/con",
    "app/evil\0x",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_writes_nothing_outside(name: str, bundle: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*evil*"))
    rewritten(bundle, lambda content: content.update({name: b"x"}))
    with pytest.raises(TrustError):
        opened(bundle, tmp_path).whole()
    assert sorted(tmp_path.rglob("*evil*")) == before
    assert not Path("/tmp/evil").exists()


def _listed(name: str) -> Callable[[dict[str, bytes]], None]:
    def edit(content: dict[str, bytes]) -> None:
        value = json.loads(content["locapp.json"])
        value["files"][name] = {"size": 1, "sha256": Digest.of(b"x").hex}
        content["locapp.json"] = json.dumps(value).encode()
        content[f"app/{name}"] = b"x"

    return edit


MALFORMED: dict[str, Callable[[dict[str, bytes]], object]] = {
    "no list": lambda c: c.pop("locapp.json"),
    "a list that is none": lambda c: c.update({"locapp.json": b"[]"}),
    "a list with a key twice": lambda c: c.update(
        {"locapp.json": c["locapp.json"].replace(b"{", b'{"app":"a/b",', 1)}
    ),
    "a list with more": lambda c: c.update({"locapp.json": c["locapp.json"].replace(b"{", b'{"more":1,', 1)}),
    "a listed way out": _listed("../evil"),
    "a listed absolute path": _listed("/evil"),
    "a file that is a folder too": _listed("locara.json/inner.js"),
    "two names in one case": lambda c: c.update({"app/LOCARA.json": b"x"}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_bundle_is_refused_before_anything_is_copied(
    name: str, bundle: Path, tmp_path: Path
) -> None:
    rewritten(bundle, MALFORMED[name])
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(TrustError) as caught:
        unpack(bundle, into)
    assert caught.value.reason is Reason.PACKAGE_MALFORMED
    assert list(into.iterdir()) == []


def test_links_and_damaged_archives_are_refused(bundle: Path, app: Path, tmp_path: Path) -> None:
    raw = bundle.read_bytes()
    link = zipfile.ZipInfo("app/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(TrustError, match="link"):
        opened(bundle, tmp_path)
    folder = tmp_path / "folder"
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        archive.extractall(folder)
    (folder / "app/link").symlink_to("/etc/passwd")
    with pytest.raises(TrustError, match=r"link|cannot be read"):
        opened(folder, tmp_path)
    for cut in (10, len(raw) // 2, len(raw) - 30):
        bundle.write_bytes(raw[:cut])
        with pytest.raises(TrustError):
            opened(bundle, tmp_path).whole()


def test_a_bomb_is_stopped_at_the_listed_size(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in content.items():
            archive.writestr(name, bytes(200 << 20) if name == "app/locara.json" else raw)
    found = opened(bundle, tmp_path)
    assert [path for path, _ in found.problems] == ["app/locara.json"]
    assert (found.app / "locara.json").stat().st_size == found.listed.files["locara.json"].size


def run(bundle: Path, *more: str) -> int:
    trust = bundle.parent / "trust.json"
    return main(["verify", "--strict", str(bundle), "--trust-root", str(trust), *EXPECTED, *ONLY, *more])


def test_strict_believes_a_bundle_and_refuses_each_thing_that_is_wrong_with_it(
    bundle: Path,
    app: Path,
    listed: FileList,
    world: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(bundle) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"list of files is {Digest.of(listed.text())}" in said and "build provenance by" in said
    assert run(bundle, "--expect-source", f"{SOURCE}2") == 1
    assert "[source_mismatch]" in capsys.readouterr().out
    assert run(bundle, "--expect-identity", f"{BUILDER}2") == 1
    assert "[identity_mismatch]" in capsys.readouterr().out

    good = attested(world, listed)
    bare = tmp_path / "bare.locapp"
    locapp.write(bare, app, listed, {})
    assert run(bare) == 1
    assert "error[LC705]" in capsys.readouterr().out
    (tmp_path / "outside.json").write_bytes(good)
    assert run(bare, "--attestation", str(tmp_path / "outside.json")) == 0

    failed = attested(
        world, listed, summary_of(Digest.of(listed.text()), good, verdict="FAILED", levels=None)
    )
    (tmp_path / "failed.json").write_bytes(failed)
    capsys.readouterr()
    assert run(bundle, "--attestation", str(tmp_path / "failed.json")) == 1
    assert "error[LC706]" in capsys.readouterr().out
    passed = attested(world, listed, summary_of(Digest.of(listed.text()), good, levels=None))
    (tmp_path / "passed.json").write_bytes(passed)
    assert (
        run(
            bare,
            "--attestation",
            str(tmp_path / "passed.json"),
            "--attestation",
            str(tmp_path / "outside.json"),
        )
        == 0
    )

    rewritten(bundle, ALTERED["a file more"])
    capsys.readouterr()
    assert run(bundle) == 1
    assert "error[LC704]" in capsys.readouterr().out


def test_a_bundle_of_another_commit_than_its_provenance_is_refused(
    app: Path, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trust.json").write_bytes(world.trust())
    for commit, code in ((COMMIT, 0), ("a0" * 20, 1)):
        listed = list_files(app, app_id="acme/notes", version="0.1.0", source=SOURCE, commit=commit)
        place = tmp_path / f"{commit[:4]}.locapp"
        locapp.write(place, app, listed, {"p.json": attested(world, listed)})
        assert run(place) == code
    assert "[commit_mismatch]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ([], 5, "material_missing"),
        (["--trust-root", "absent"], 5, "material_missing"),
        (["--trust-root", "notes/locara.json"], 5, "material_untrusted"),
        (["--trust-root", "expired.json"], 5, "material_stale"),
    ],
)
def test_material_that_is_missing_or_stale_ends_with_five(
    bundle: Path, world: World, line: list[str], code: int, said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (bundle.parent / "expired.json").write_bytes(world.trust(expires=world.time))
    monkeypatch.chdir(bundle.parent)
    assert main(["verify", "--strict", bundle.name, *line, *EXPECTED, *ONLY]) == code
    assert said in capsys.readouterr().err


def test_strict_assumes_nothing(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trust = ["--trust-root", str(tmp_path / "trust.json")]
    for left_out in range(3):
        told = [
            part
            for number in range(3)
            if number != left_out
            for part in EXPECTED[2 * number : 2 * number + 2]
        ]
        assert main(["verify", "--strict", str(bundle), *trust, *told, *ONLY]) == 2
        assert EXPECTED[2 * left_out] in capsys.readouterr().err
    assert main(["verify", "--strict", str(ROOT / "apps/docvault"), *trust, *ONLY]) == 2
    assert "about bundles" in capsys.readouterr().err


def test_what_cannot_be_a_bundle_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: who opens it as a file would wait
    (tmp_path / "text").write_text("no archive")
    for name in ("pipe", "text", "nothing"):
        assert not locapp.is_locapp(tmp_path / name)
        assert main(["verify", str(tmp_path / name)]) == 4
        assert f"{name} is not an app" in capsys.readouterr().err or name == "nothing"
