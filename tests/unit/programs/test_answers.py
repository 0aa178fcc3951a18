"""What the programs answer is believed only as far as it fits: tables, pages, sounds and outcomes."""

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import CallError
from locara.programs.outcome import CUT, TIMED_OUT, Outcome, outcome, trailer
from locara.programs.pages import check_pdf, clean, read_picture, read_text
from locara.programs.sound import MAX_TEXT, read_sound, read_voices, speakable
from locara.programs.words import read_words

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
PAGE = "1\t1\t0\t0\t0\t0\t0\t0\t100\t50\t-1\t\n"
SIZES = ((100, 50),)


def row(text: str, *, block=1, par=1, line=1, x=1, y=2, width=10, height=5, conf="93.5", page=1) -> str:
    return f"5\t{page}\t{block}\t{par}\t{line}\t1\t{x}\t{y}\t{width}\t{height}\t{conf}\t{text}\n"


def table(*rows: str) -> Outcome:
    return Outcome((HEAD + PAGE + "".join(rows)).encode(), 0)


def code(call, *args) -> str:
    with pytest.raises(CallError) as caught:
        call(*args)
    return caught.value.code


def test_words_come_with_place_and_text_with_its_lines() -> None:
    (page,) = read_words(table(row("Hello"), row("you"), row("there", line=2), row("End", block=2)), SIZES)
    assert page.text == "Hello you\nthere\n\nEnd"
    first = page.words[0]
    assert (first.text, first.x, first.y, first.width, first.height, first.confidence) == (
        "Hello",
        1,
        2,
        10,
        5,
        0.935,
    )


@pytest.mark.parametrize(
    "rows",
    [
        [row("a", x=95)], [row("a", y=46)], [row("a", page=2)], [row("a", x=-1)], [row("a", conf="nan")],
        [row("a", conf="x")], ["5\t1\n"], [row("a" * 1001)], [row("a", width=99999999)],
        ["1\t2\t0\t0\t0\t0\t0\t0\t100\t50\t-1\t\n"], ["1\t1\t0\t0\t0\t0\t0\t0\t0\t50\t-1\t\n"],
        [row("a", x="١")],
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_the_picture_is_none(rows: list[str]) -> None:
    assert code(read_words, table(*rows), SIZES) == "bad_request"


def test_control_characters_do_not_pass_as_words() -> None:
    (page,) = read_words(table(row("a\x1b[31mb"), row("\x00"), row("c\u0085d")), SIZES)
    assert page.text == "a [31mb c d"


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (1, "bad_request"), (134, "bad_request"), (152, "limit_exceeded"),
        (TIMED_OUT, "limit_exceeded"), (CUT, "bad_request"),
    ],
)  # fmt: skip
def test_a_program_that_did_not_end_well_gives_nothing(ended: int, expected: str) -> None:
    assert code(read_words, Outcome(table(row("a")).output, ended), SIZES) == expected
    assert code(read_text, Outcome(b'{"pageCount":0,"pages":[]}\n', ended)) == expected


def pdf(head: object, rest: bytes = b"") -> Outcome:
    return Outcome(json.dumps(head).encode() + b"\n" + rest, 0)


def text_page(number: int = 1, **more: object) -> dict[str, object]:
    return {"page": number, "width": 1.5, "height": 2.0, "text": "a", "damaged": False, **more}


def test_pages_say_whether_they_have_text() -> None:
    count, pages = read_text(pdf({"pageCount": 9, "pages": [text_page(2), text_page(3, text=" \r\n")]}))
    assert count == 9
    assert [(page.page, page.has_text) for page in pages] == [(2, True), (3, False)]


@pytest.mark.parametrize(
    "head",
    [
        {}, [], {"pageCount": 1}, {"pageCount": 1, "pages": [], "more": 1}, {"pageCount": "1", "pages": []},
        {"pageCount": 1, "pages": [text_page(2)]}, {"pageCount": 2, "pages": [text_page(2), text_page(1)]},
        {"pageCount": 2, "pages": [text_page(1), text_page(1)]}, {"pageCount": 1, "pages": [text_page(width=1e9)]},
        {"pageCount": 1, "pages": [text_page(text=1)]}, {"refused": "hungry"}, {"refused": ["encrypted"]},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_none(head: object) -> None:
    assert code(read_text, pdf(head)) == "bad_request"


def test_refusals_have_reasons() -> None:
    for reason, expected in (
        ("encrypted", "bad_request"),
        ("no_page", "not_found"),
        ("too_much_text", "limit_exceeded"),
    ):
        assert code(read_text, pdf({"refused": reason})) == expected


def test_a_rendered_page_is_the_picture_it_says() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(10)
    head = {"pageCount": 1, "page": 1, "width": 3, "height": 4, "bytes": len(png)}
    assert read_picture(pdf(head, png)).png == png
    for body in (png + b"x", png[:-1], b"GIF89a" + bytes(12)):
        assert code(read_picture, pdf(head, body)) == "bad_request"


def test_a_pdf_file_begins_as_one() -> None:
    check_pdf(b"junk\n%PDF-1.7")
    assert code(check_pdf, b"PK\3\4" + bytes(2000) + b"%PDF-") == "bad_request"


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_cleaned_text_steers_nothing(text: str) -> None:
    cleaned = clean(text)
    assert all(char in "\n\t" or (ord(char) >= 32 and not 127 <= ord(char) < 160) for char in cleaned)
    cleaned.encode("utf-8")


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.sampled_from("a [\x01\x1b]<>\\&;\n"), min_size=1, max_size=60))
def test_what_is_spoken_is_words(text: str) -> None:
    try:
        said = speakable(text)
    except CallError as error:
        assert error.code == "bad_request"
        assert not text.translate(str.maketrans("", "", "[]\x01\x1b \n")).strip()
    else:
        assert not {b"[", b"]", b"\x01", b"\x1b"} & {said[at : at + 1] for at in range(len(said))}


def test_how_much_is_spoken() -> None:
    speakable("a" * MAX_TEXT)
    assert code(speakable, "a" * (MAX_TEXT + 1)) == "too_large"


def wav(**changes: int) -> bytes:
    fields = {
        "fmt": 16,
        "code": 1,
        "channels": 1,
        "rate": 22050,
        "second": 44100,
        "align": 2,
        "bits": 16,
        **changes,
    }
    numbers = list(fields.values())
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", *numbers, b"data", 0) + b"\1\2\3"


def test_a_sound_is_whole_samples_in_a_true_file() -> None:
    sound = read_sound(Outcome(wav(), 0))
    assert (sound.rate, sound.samples) == (22050, b"\1\2")
    assert struct.unpack_from("<I", sound.wav, 40) == (2,)
    assert struct.unpack_from("<I", sound.wav, 4) == (38,)


@pytest.mark.parametrize(
    "change", [{"code": 3}, {"channels": 2}, {"rate": 0}, {"bits": 8}, {"align": 4}, {"fmt": 18}]
)
def test_another_sound_is_refused(change: dict[str, int]) -> None:
    assert code(read_sound, Outcome(wav(**change), 0)) == "bad_request"


def test_no_sound_is_a_voice_that_is_not_there() -> None:
    assert code(read_sound, Outcome(b"", 1)) == "not_found"


def test_voices_are_language_tags() -> None:
    listed = (
        "Pty Language Age/Gender VoiceName File Other\n 5  en-us --/M English_(America) gmw/en-US (en 3)\n"
    )
    listed += " 5  ../x --/M Evil x\n 5  de --/F German x\nshort\n 5  de --/M Second x\n"
    assert [(v.id, v.name, v.gender) for v in read_voices(Outcome(listed.encode(), 0))] == [
        ("de", "German", "female"),
        ("en-us", "English (America)", "male"),
    ]


def test_the_outcome_is_the_last_word() -> None:
    assert outcome(b"text" + trailer(0)) == Outcome(b"text", 0)
    assert outcome(trailer(0) + trailer(137)).code == 137
    assert outcome(b"abc").code == CUT
