"""What this app may do and may not, asked of its real runtime in its real sandbox. Run it with `locara test .`"""

import pytest

from locara_verify.testing import assert_allowed, assert_denied


def test_it_keeps_notes_in_its_own_database(locara_session):
    app = locara_session()
    app.call("db.exec", sql="INSERT INTO notes(body, written) VALUES('milk', 1)")
    assert app.call("db.query", sql="SELECT body FROM notes")["rows"] == [["milk"]]


@pytest.mark.parametrize(
    ("command", "capability"),
    [("net.fetch", "net"), ("fs.pick", "fs.user-selected"), ("llm.chat", "models")],
)
def test_it_has_no_command_that_it_does_not_declare(locara_session, command, capability):
    assert_denied(lambda: locara_session().call(command), because=capability, code="unknown_command")


def test_with_the_grant_the_same_call_would_be_allowed(locara_session):
    app = locara_session(grants={"fs.user-selected": "read"})
    assert assert_allowed(lambda: app.call("fs.pick", kind="file", access="read")) == {"handles": []}
