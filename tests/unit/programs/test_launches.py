"""Only words of closed lists reach a command line, whatever is asked; a plan gives less than any app gets."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.grant import Grants
from locara.errors import CallError
from locara.programs import espeak, pdfium, tesseract
from locara.programs.launch import find, interpreter_of
from locara.programs.plan import program_plan
from locara.programs.starter import LAUNCHES
from locara.sandbox.launcher import ALL_LAYERS

READ = {"languages": ["eng"], "layout": "auto", "dpi": None}
SPEAK = {"voice": "en-us", "rate": 165, "pitch": 50}
TEXT = {"work": "text", "first": 1, "count": 10}
ODD = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["-l", "--help", "../eng", "eng+osd", "eng/../../etc", "eng\0", "-f/etc/passwd", "eng\n"]),
    st.integers(),
    st.booleans(),
    st.floats(),
    st.none(),
    st.lists(st.text(max_size=6), max_size=6),
)  # fmt: skip
WORD = re.compile(r"[a-z][a-z0-9+_=-]*|-[a-z-]+|[0-9]+|eng")


@pytest.mark.parametrize(("name", "options"), [("ocr", READ), ("speech", SPEAK), ("pdf", TEXT)])
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_no_value_becomes_a_word_of_its_own(name: str, options: dict, data: st.DataObject) -> None:
    asked = dict(options)
    for key in data.draw(st.lists(st.sampled_from([*options, "user_words", "-c"]), min_size=1, max_size=3)):
        asked[key] = data.draw(ODD)
    try:
        launch = LAUNCHES[name](asked)
    except CallError as error:
        assert error.code in {"bad_request", "not_found"}
    else:
        assert all(WORD.fullmatch(word) for word in launch.argv)
        assert len(launch.argv) == len(LAUNCHES[name](options).argv) + 2 * (asked.get("dpi") is not None)


@pytest.mark.parametrize(
    "language", ["../eng", "eng+eng", "osd", "-l", "eng.traineddata", "", "ENG\n", "e" * 30]
)
def test_a_language_is_a_name_on_the_list(language: str) -> None:
    with pytest.raises(CallError) as caught:
        tesseract.launch({**READ, "languages": [language]})
    assert caught.value.code in {"bad_request", "not_found"}


@pytest.mark.parametrize(
    "voice", ["/etc/passwd", "../en", "en+f3", "mb/mb-en1", "-v", "en us", "EN", "en-", "", "en\n"]
)
def test_a_voice_is_a_language_tag(voice: str) -> None:
    with pytest.raises(CallError, match="language tag"):
        espeak.speak({**SPEAK, "voice": voice})


def test_what_is_said_never_stands_on_a_command_line() -> None:
    assert "--stdin" in espeak.speak(SPEAK).argv
    assert not {"-m", "-f", "-x", "--phonout", "-w"} & set(espeak.speak(SPEAK).argv)


@pytest.mark.parametrize(
    "change", [{"first": 0}, {"count": 201}, {"first": True}, {"work": "run"}, {"first": "1"}]
)
def test_page_numbers_are_numbers(change: dict) -> None:
    with pytest.raises(CallError):
        pdfium.launch({**TEXT, **change})


def test_a_missing_program_says_what_to_install() -> None:
    with pytest.raises(CallError) as caught:
        find("tesseract", package="tesseract-ocr", search="/nonexistent")
    assert caught.value.code == "program_unavailable"
    assert "apt install tesseract-ocr" in (caught.value.fix or "")


def test_the_path_of_the_environment_finds_nothing(monkeypatch, tmp_path) -> None:
    fake = tmp_path / "tesseract"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("tesseract", package="x") != fake
    with pytest.raises(CallError, match="not a program"):
        interpreter_of(fake)


@pytest.mark.parametrize(("name", "options"), [("ocr", READ), ("speech", SPEAK), ("pdf", TEXT)])
def test_a_plan_shows_no_folder_of_anybody(name: str, options: dict) -> None:
    launch = LAUNCHES[name](options)
    plan = program_plan(launch)
    assert plan.grants == Grants.none(f"locara/{launch.name}")
    assert not any(source.writable for source in plan.sources)
    assert plan.net == "none"
    assert plan.required == (ALL_LAYERS if name == "pdf" else ALL_LAYERS - {"exec"})
    policy = plan.landlock
    assert policy is not None
    assert {access for _, access in policy.paths} <= {"read", "run"}
    executed = [path for path, access in policy.paths if access == "run"]
    assert executed == ([] if name == "pdf" else ["/program", launch.interpreter])
