import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import ModelError
from locara.models.web import Url


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("https://models.example.org/a/b.gguf", "models.example.org", 443, "/a/b.gguf"),
        ("https://models.example.org", "models.example.org", 443, "/"),
        ("https://models.example.org:8443/x?y=%2F..&z", "models.example.org", 8443, "/x?y=%2F..&z"),
        ("https://models.example.org?y", "models.example.org", 443, "/?y"),
        ("https://models.example.org/x?", "models.example.org", 443, "/x?"),
        ("https://127.0.0.1/x", "127.0.0.1", 443, "/x"),
        ("https://[::1]:9/x", "::1", 9, "/x"),
        ("https://xn--bcher-kva.example/x", "xn--bcher-kva.example", 443, "/x"),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, host: str, port: int, target: str) -> None:
    url = Url.parse(text)
    assert (url.host, url.port, url.target) == (host, port, target)
    assert Url.parse(str(url)) == url


BAD = [
    "",
    "models.example.org/x",
    "http://models.example.org/x",
    "HTTPS://models.example.org/x",
    " https://models.example.org/x",
    "https://models.example.org/x ",
    "\thttps://models.example.org/x",
    "https://models.example.org/\r\nHost: evil",
    "https://models.example.org/\0",
    "https://user@models.example.org/x",
    "https://user:word@models.example.org/x",
    "https://good.example@evil.example/",
    "https://good.example\\@evil.example/",
    "https://models.example.org/x#part",
    "https://models.example.org/x#",
    "https:///x",
    "https://",
    "https:models.example.org",
    "https://models.example.org:/x",
    "https://models.example.org:0/x",
    "https://models.example.org:65536/x",
    "https://models.example.org:4 3/x",
    "https://010.0.0.1/x",
    "https://0x7f.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://models.example.org./x",
    "https://-a.example/x",
    "https://a_b.example/x",
    "https://evil\u2100.example/x",
    "https://evil\uff0fgood.example/x",
    "https://b\u00fccher.example/x",
    "https://[::1%25eth0]/x",
    "https://[::1/x",
    "https://models.example.org/<x>",
    "https://models.example.org/" + "x" * 9_000,
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_two_parsers_could_read_as_two_things_is_refused(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        Url.parse(text)
    assert caught.value.code == "bad_address"


@given(st.text(max_size=60) | st.builds("https://{}".format, st.text(max_size=40)))
@settings(deadline=None, max_examples=200)
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        url = Url.parse(text)
    except ModelError as error:
        assert error.code == "bad_address"
    else:
        assert Url.parse(str(url)) == url


@pytest.mark.parametrize(
    ("reference", "result"),
    [
        ("m.gguf", "https://models.example.org/v1/m.gguf"),
        ("/m.gguf", "https://models.example.org/m.gguf"),
        ("//other.example/m", "https://other.example/m"),
        ("https://other.example/m#part", "https://other.example/m"),
        ("../m", "https://models.example.org/m"),
    ],
)
def test_a_reference_is_joined(reference: str, result: str) -> None:
    assert str(Url.parse("https://models.example.org/v1/index.json").join(reference)) == result


@pytest.mark.parametrize(
    "reference", ["http://other.example/", "javascript:x", "//u@x.example/", "a b", "\u00e4"]
)
def test_a_reference_follows_the_same_rules(reference: str) -> None:
    with pytest.raises(ModelError) as caught:
        Url.parse("https://models.example.org/").join(reference)
    assert caught.value.code == "bad_address"


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("https://localhost/", True),
        ("https://a.localhost/", True),
        ("https://10.0.0.1/", True),
        ("https://[::1]/", True),
        ("https://localhost.example/", False),
        ("https://models.example.org/", False),
    ],
)
def test_addresses_by_number_and_of_this_machine_are_known(text: str, local: bool) -> None:
    assert Url.parse(text).is_local is local


def test_a_place_for_people_holds_no_signature() -> None:
    assert Url.parse("https://models.example.org:8443/m?signature=secret").origin == "models.example.org:8443"
