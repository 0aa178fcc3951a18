"""Helpers and strategies for an app's own tests."""

from __future__ import annotations

import base64
import random
import socket
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings

from locara.core.compile import compile_grants
from locara.core.hosts import is_host
from locara.core.manifest import parse_manifest
from locara.core.paths import is_portable
from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied, UsageError
from locara_verify.checks.escape.link import CODES
from locara_verify.strategies import manifests
from locara_verify.testing import REFUSALS, assert_allowed, assert_denied, strategies
from locara_verify.testing.canary import Canary
from locara_verify.testing.network import NetworkRefused, refused
from locara_verify.testing.sessions import Session, find_app


def raising(error: Exception):
    def call() -> None:
        raise error

    return call


DENIED = CapabilityDenied(capability="net", because="no grant of net", fix='add "net": true')


def test_a_denial_is_handed_back_and_its_reason_compared() -> None:
    assert assert_denied(raising(DENIED)) is DENIED
    assert assert_denied(raising(DENIED), because="net", code="capability_denied") is DENIED
    absent = CallError("x", code="unknown_command", capability="models", because="not declared")
    assert assert_denied(raising(absent), because="models") is absent


@pytest.mark.parametrize(
    ("call", "expected", "words"),
    [
        (lambda: 5, {}, "was allowed and gave 5"),
        (raising(DENIED), {"because": "models"}, "denied for another reason"),
        (raising(DENIED), {"code": "unknown_command"}, "denied as capability_denied"),
        (raising(CallError("x", code="bad_request")), {}, "failed and was not denied: bad_request"),
    ],
)
def test_what_is_no_such_denial_fails(call, expected, words) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_denied(call, **expected)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_that_says_no_grant_is_a_denial_and_no_other_is(code) -> None:
    call = raising(CallError("x", code=code, capability="net", because="no grant of net"))
    with pytest.raises(AssertionError, match=f"the call was refused: {code}"):
        assert_allowed(call)
    for expected in (
        {},
        {"because": "net"},
        {"code": "capability_denied"},
        {"code": "unknown_command", "because": "net"},
    ):
        if code in REFUSALS and expected.get("code", code) == code:
            assert assert_denied(call, **expected).code == code
        else:
            with pytest.raises(AssertionError):
                assert_denied(call, **expected)
    for other in ({"because": "models"}, {"because": "models", "code": code}):
        with pytest.raises(AssertionError):
            assert_denied(call, **other)


def test_another_error_is_neither() -> None:
    with pytest.raises(ZeroDivisionError):
        assert_denied(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        assert_allowed(lambda: 1 / 0)


def test_a_refusal_tells_the_line_that_lifts_it() -> None:
    assert assert_allowed(lambda: 5) == 5
    with pytest.raises(AssertionError, match=r'to allow it: add "net": true'):
        assert_allowed(raising(DENIED))


def test_a_canary_sings_when_it_is_touched_and_only_then(tmp_path) -> None:
    canary = Canary(tmp_path / "canaries")
    path = canary("a.txt")
    canary.assert_silent()
    assert canary.found_in(path.read_bytes()) == ("a.txt",)
    assert canary.found_in("nothing") == ()
    canary.assert_silent()
    (tmp_path / "canaries" / "new").write_text("x")
    with pytest.raises(AssertionError, match="new appeared"):
        canary.assert_silent()


@pytest.mark.parametrize("act", ["write", "remove", "chmod"])
def test_a_canary_that_was_touched_is_not_forgotten_when_another_is_planted(tmp_path, act) -> None:
    canary = Canary(tmp_path / "canaries")
    path = canary("a.txt")
    {"write": lambda: path.write_text("x"), "remove": path.unlink, "chmod": lambda: path.chmod(0o400)}[act]()
    with pytest.raises(AssertionError, match=r"a\.txt"):
        canary("b.txt")
    with pytest.raises(AssertionError, match=r"a\.txt"):
        canary.assert_silent()


def test_each_session_is_asked_what_it_was_told(tmp_path) -> None:
    for told in range(3):
        sessions = SimpleNamespace(opened=[SimpleNamespace(said=[b"ordinary"]) for _ in range(3)])
        canary = Canary(tmp_path / str(told), sessions)  # type: ignore[arg-type]
        canary("a.txt")
        canary.assert_silent()
        sessions.opened[told].said.append(b"xx" + canary.token("a.txt").encode().hex().encode())
        with pytest.raises(AssertionError, match=r"told the secret of a\.txt"):
            canary.assert_silent()


@pytest.mark.parametrize(
    "reply",
    [
        lambda token: {"text": token},
        lambda token: {token: [1]},
        lambda token: CallError(f"no {token}", code="busy"),
        lambda token: CallError("no", code="io_error", because=f"no {token}"),
        lambda token: CallError("no", code="io_error", capability=token),
        lambda token: CallError("no", code="io_error", fix=f"say {token}"),
        lambda token: CapabilityDenied("no", capability="net", because=f"no {token}"),
        lambda token: CapabilityDenied("no", capability=token, because="no"),
        lambda token: CapabilityDenied("no", capability="net", because="no", fix=token),
    ],
)
def test_a_secret_in_a_reply_or_an_error_is_told(tmp_path, reply) -> None:
    canary = Canary(tmp_path / "canaries")
    canary("a.txt")
    answer = reply(canary.token("a.txt"))

    def call(_command: str, _arguments: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    session = Session(None, SimpleNamespace(client=SimpleNamespace(call=call)))  # type: ignore[arg-type]
    canary.sessions = SimpleNamespace(opened=[session])  # type: ignore[assignment]
    canary.assert_silent()
    with suppress(CallError, CapabilityDenied):
        session.call("fs.read", path="x")
    with pytest.raises(AssertionError, match=r"told the secret of a\.txt"):
        canary.assert_silent()


def test_a_secret_is_found_in_text_as_in_bytes(tmp_path) -> None:
    canary = Canary(tmp_path / "canaries")
    token = canary("a.txt").read_text()
    for form in (token, token.encode().hex(), base64.b64encode(b"x" + token.encode()).decode()):
        assert canary.found_in(f"a {form} b") == canary.found_in(f"a {form} b".encode()) == ("a.txt",)


ADDRESSES = {socket.AF_INET: ("127.0.0.1", 9), socket.AF_INET6: ("::1", 9)}
OF_A_SOCKET = {
    "connect": lambda one, address: one.connect(address),
    "connect_ex": lambda one, address: one.connect_ex(address),
    "sendto": lambda one, address: one.sendto(b"x", address),
    "sendmsg": lambda one, address: one.sendmsg([b"x"], [], 0, address),
    "bind": lambda one, _address: one.bind(("", 0)),
}
OF_NAMES = {
    "getaddrinfo": lambda: socket.getaddrinfo("localhost", 80),
    "gethostbyname": lambda: socket.gethostbyname("localhost"),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex("localhost"),
    "gethostbyaddr": lambda: socket.gethostbyaddr("127.0.0.1"),
    "getnameinfo": lambda: socket.getnameinfo(("127.0.0.1", 9), 0),
    "create_connection": lambda: socket.create_connection(("127.0.0.1", 9), 1),
}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
@pytest.mark.parametrize("family", ADDRESSES, ids=["v4", "v6"])
@pytest.mark.parametrize("way", OF_A_SOCKET)
def test_no_network_by_no_way_of_a_socket(way, family, kind) -> None:
    with socket.socket(family, kind) as one, refused() as state:
        with pytest.raises(NetworkRefused):
            OF_A_SOCKET[way](one, ADDRESSES[family])
        assert len(state.attempts) == 1


@pytest.mark.parametrize("way", OF_NAMES)
def test_no_network_by_no_name(way) -> None:
    with refused() as outer, refused() as state:
        with pytest.raises(NetworkRefused):
            OF_NAMES[way]()
        assert (len(outer.attempts), len(state.attempts)) == (0, 1)


def test_an_end_of_no_network_ends_no_other() -> None:
    with refused() as outer:
        with refused():
            pass
        with pytest.raises(NetworkRefused):
            socket.gethostbyname("localhost")
        assert len(outer.attempts) == 1
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"


def test_sockets_of_the_file_system_stay(tmp_path) -> None:
    place = str(tmp_path / "s")
    with refused() as state, socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(place)
        server.listen()
        client.connect(place)
        assert state.attempts == []


def test_the_app_is_found_by_name_then_variable_then_upwards(make_app, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("LOCARA_APP", raising=False)
    one, two = make_app("one"), make_app("two")
    (one / "tests").mkdir()
    assert find_app(None, one / "tests") == one
    monkeypatch.setenv("LOCARA_APP", str(two))
    assert find_app(None, one / "tests") == two
    assert find_app(str(one), Path("/")) == one
    with pytest.raises(UsageError, match="holds no"):
        find_app(str(tmp_path / "nowhere"), one)
    monkeypatch.delenv("LOCARA_APP")
    with pytest.raises(UsageError, match="no app was found"):
        find_app(None, Path("/"))


@settings(max_examples=150, deadline=None)
@given(ordinary=strategies.ordinary_paths(), host=strategies.hosts(), name=strategies.command_names())
def test_ordinary_names_are_portable_and_hostile_ones_are_no_hosts_and_no_commands(
    ordinary, host, name
) -> None:
    assert is_portable(ordinary)
    assert not is_host(host)
    assert name not in COMMANDS


@settings(max_examples=60, deadline=None)
@given(path=strategies.paths(), url=strategies.urls(), request=strategies.requests({"net": True}))
def test_attacks_are_texts_and_questions(path, url, request) -> None:
    assert isinstance(path, str)
    assert isinstance(url, str)
    assert request.kind


@settings(max_examples=40, deadline=None)
@given(capabilities=strategies.capabilities())
def test_capabilities_are_valid(capabilities) -> None:
    document = {**manifests.minimal(), "capabilities": capabilities}
    document.pop("modalities", None)
    document.pop("tooling", None)
    assert compile_grants(parse_manifest(manifests.dump(random.Random(0), document)))
