"""What counts as a secret, and in which spellings it is found."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara_verify.checks.manifest.secrets import Search, planted, secrets_of

VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)
KEY = "-----BEGIN " + "EC PRIVATE KEY-----\nMHc="


@settings(deadline=None, max_examples=100)
@given(value=VALUES, before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_a_value_is_found_in_every_spelling(value: str, before: bytes, after: bytes) -> None:
    search, raw = Search.of({"it": value}), value.encode()
    for form in (raw, raw.hex().encode(), value.encode("utf-16-le"), base64.b64encode(before + raw + after)):
        assert "it" in dict(search.found(before + form + after))
    assert "it" not in dict(search.found(raw[:-1]))


def test_what_the_check_plants_to_prove_itself_is_found() -> None:
    search = Search.of({"planted": "Zq7-canary-Xv31-of-a-variable"})
    assert [what for what, name, data in planted() if name not in dict(search.found(data))] == []


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.replace("EC ", "OPENSSH "),
        KEY.replace("EC ", "").replace("\n", "\\n"),
        '{"kty":"OKP","d":"' + "a" * 43 + '"}',
        "ghp_" + "a1" * 18,
        "AKIA" + "ABCDEFGH23456722",
        "AIza" + "b" * 35,
        "npm_" + "c" * 36,
        "sk-proj-" + "aB3_" * 10,
        "AGE-SECRET-KEY-1" + "Q" * 58,
    ],
)
def test_texts_that_only_a_secret_has_the_form_of(text: str) -> None:
    assert dict(Search.of({}).found(b"x = '" + text.encode() + b"'"))


@pytest.mark.parametrize(
    "text",
    [
        KEY.replace("PRIVATE", "PUBLIC"),
        "-----BEGIN CERTIFICATE-----",
        '{"kty":"OKP","x":"' + "a" * 43 + '"}',
        '{"d":"M12 3a4 5"}',
        "task-" + "0a" * 20,
        "sk-loading-spinner-of-the-page-header-2",
        "data:image/png;base64," + base64.b64encode(bytes(range(256))).decode(),
        "DESKIA" + "ABCDEFGH23456722",
    ],
)
def test_texts_that_only_look_alike_are_left_alone(text: str) -> None:
    assert dict(Search.of({}).found(text.encode())) == {}


def test_which_variables_hold_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "MODE=production\nAPI_TOKEN = \"abcdefgh-12345\"\nexport B_KEY='zyxwvu-98765'\n", "utf-8"
    )
    (tmp_path / ".env.production").write_text(
        "C_SECRET=short\nD_SECRET=/home/anna/keys/release\n# E_KEY=abcdefgh-12345\n", "utf-8"
    )
    (tmp_path / ".envrc").mkdir()
    environ = {
        "SIGNING_KEY": "Kd83-ksl-29dk-zz",
        "PATH_KEY": "https://example.org/x",
        "TOKEN": "aaaaaaaaaaaaaaaaa",
        "HOME": "abcdefghijklm",
    }
    assert sorted(secrets_of(environ, tmp_path).items()) == [
        ("the value of API_TOKEN in .env", "abcdefgh-12345"),
        ("the value of B_KEY in .env", "zyxwvu-98765"),
        ("the value of the variable SIGNING_KEY", "Kd83-ksl-29dk-zz"),
    ]
