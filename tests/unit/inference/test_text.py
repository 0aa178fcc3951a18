from hypothesis import given, settings
from hypothesis import strategies as st

from locara.inference.text import TextStream


def run(text: str, stops: tuple[str, ...], sizes: list[int]) -> tuple[str, bool]:
    """Feed the UTF-8 bytes of text in pieces of these sizes."""
    stream = TextStream(stops)
    data = text.encode()
    out = ""
    turn = 0
    while data and not stream.stopped:
        size = sizes[turn % len(sizes)] if sizes else 1
        out += stream.push(data[:size])
        data = data[size:]
        turn += 1
    return out + ("" if stream.stopped else stream.finish()), stream.stopped


ALPHABET = st.text(alphabet="ab\u00e9\u20ac\U0001f600.", max_size=30)


@settings(deadline=None, max_examples=300)
@given(
    ALPHABET,
    st.lists(st.text(alphabet="ab\u00e9.", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(1, 7), max_size=5),
)
def test_pieces_do_not_change_where_a_stop_string_cuts(text: str, stops: list[str], sizes: list[int]) -> None:
    shown, stopped = run(text, tuple(stops), sizes)
    assert stopped == any(stop in text for stop in stops)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if stopped:
        # A stop string follows right after what was shown.
        assert any(text[len(shown) :].startswith(stop) for stop in stops)
    else:
        assert shown == text


def test_a_possible_beginning_is_held_back_and_given_when_it_was_none() -> None:
    stream = TextStream(["END"])
    assert stream.push(b"one E") == "one "
    assert stream.push(b"N") == ""
    assert stream.push(b"X two") == "ENX two"
    assert stream.push(b" EN") == " "
    assert stream.finish() == "EN"
    assert not stream.stopped


def test_a_character_across_tokens_is_given_once_it_is_whole() -> None:
    stream = TextStream()
    euro = "\u20ac".encode()
    assert [stream.push(euro[:1]), stream.push(euro[1:2]), stream.push(euro[2:])] == ["", "", "\u20ac"]


def test_bytes_that_are_no_text_become_the_replacement_character() -> None:
    stream = TextStream()
    assert stream.push(b"a\xffb") == "a\ufffdb"
    assert stream.push(b"\xe2\x82") == ""
    assert stream.finish() == "\ufffd"
