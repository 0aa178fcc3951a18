"""`locara add`: what it writes, what it leaves alone, and that it is all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara.cli.add import REGISTRY


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project/src").mkdir(parents=True)
    return tmp_path / "project"


def written(project: Path) -> list[str]:
    return sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())


def test_a_component_comes_with_all_that_it_builds_on(locara, project: Path) -> None:
    done = locara("add", "chat", "--app", project)
    assert done.returncode == 0, done.stderr
    names = ("chat", "lib", "message", "prompt-input", "streaming-text")
    assert written(project) == [f"src/components/locara/{name}.tsx" for name in names]
    for name in names:
        [file] = json.loads((REGISTRY / f"{name}.json").read_text())["files"]
        assert (project / f"src/components/locara/{name}.tsx").read_text() == file["content"]
    assert "as it was" in locara("add", "@locara/message", "--app", project).stdout


def test_an_app_without_a_source_folder_gets_them_at_its_top(locara, tmp_path: Path) -> None:
    assert locara("add", "theme", cwd=tmp_path).returncode == 0
    assert (tmp_path / "components/locara/theme.css").is_file()


def test_a_file_that_was_changed_stays_and_nothing_else_is_written(locara, project: Path) -> None:
    own = project / "src/components/locara/lib.tsx"
    own.parent.mkdir(parents=True)
    own.write_text("// mine\n")
    refused = locara("add", "recorder", "--app", project)
    assert (refused.returncode, written(project)) == (1, ["src/components/locara/lib.tsx"])
    assert "changed by you" in refused.stdout
    assert "src/components/locara/lib.tsx" in refused.stdout
    shown = locara("add", "recorder", "--app", project, "--diff")
    assert (shown.returncode, own.read_text()) == (0, "// mine\n")
    assert "-// mine" in shown.stdout
    assert locara("add", "recorder", "--app", project, "--overwrite").returncode == 0
    assert "// mine" not in own.read_text()
    assert (project / "src/components/locara/recorder.tsx").is_file()


def test_a_link_is_not_written_through(locara, project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / "src/components").mkdir()
    (project / "src/components/locara").symlink_to(tmp_path / "elsewhere")
    assert locara("add", "recorder", "--app", project).returncode == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("linked", ["src", "src/components", "src/components/locara"])
@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--diff",)])
def test_no_link_on_the_way_leads_out_of_the_app(
    locara, tmp_path: Path, linked: str, options: tuple[str, ...]
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project / linked).parent.mkdir(parents=True)
    (project / linked).symlink_to(elsewhere)
    refused = locara("add", "recorder", "--app", project, *options)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "leads out of the app" in refused.stderr
    assert list(elsewhere.iterdir()) == []
    (project / linked).unlink()
    (project / "inside").mkdir()
    (project / linked).symlink_to(project / "inside")
    assert locara("add", "recorder", "--app", project).returncode in {0, 1}, (
        "within the app links are its own"
    )


def test_the_list_names_every_component(locara) -> None:
    listed = json.loads(locara("add", "--json").stdout)["components"]
    assert len([one for one in listed if one["name"] not in ("lib", "theme")]) >= 20
    assert all(one["description"] for one in listed)
    assert "transcript " in locara("add").stdout


def test_mistakes(locara, project: Path, tmp_path: Path) -> None:
    unknown = locara("add", "chatt", "--app", project)
    assert (unknown.returncode, written(project)) == (2, [])
    assert "did you mean chat?" in unknown.stderr
    assert locara("add", "chat", "--app", tmp_path / "absent").returncode == 2
    (project / "src/components").write_text("a file where a folder must be")
    blocked = locara("add", "chat", "--app", project)
    assert blocked.returncode not in (0, 70)
    assert "Traceback" not in blocked.stderr
