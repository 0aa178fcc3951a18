"""What this app may do and may not, asked of its real runtime in its real sandbox. Run it with `locara test .`"""

import pytest

from locara_verify.testing import assert_denied

MODEL = "locara-tiny-chat"
HELLO = [{"role": "user", "content": "Hello"}]


def test_it_talks_with_its_own_model(locara_session):
    said = locara_session().call("llm.chat", model=MODEL, messages=HELLO, maxTokens=8)
    assert said["usage"]["outputTokens"] > 0


def test_it_has_no_other_model(locara_session):
    app = locara_session()
    assert_denied(
        lambda: app.call("llm.chat", model="another", messages=HELLO, maxTokens=8), because="models"
    )


def test_it_keeps_messages_in_its_own_database(locara_session):
    app = locara_session()
    app.call("db.exec", sql="INSERT INTO messages(role, content) VALUES('user', 'hello')")
    assert app.call("db.query", sql="SELECT content FROM messages")["rows"] == [["hello"]]


@pytest.mark.parametrize(
    ("command", "capability"),
    [("net.fetch", "net"), ("fs.pick", "fs.user-selected")],
)
def test_it_has_no_command_that_it_does_not_declare(locara_session, command, capability):
    assert_denied(lambda: locara_session().call(command), because=capability, code="unknown_command")
