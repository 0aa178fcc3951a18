"""What this app may do and may not, asked of its real runtime in its real sandbox. Run it with `locara test .`"""

from locara_verify.testing import assert_allowed, assert_denied


def test_it_finds_words_in_its_own_database(locara_session):
    assert locara_session().call("db.query", sql="SELECT count(*) FROM documents")["rows"] == [[0]]


def test_it_only_reads_what_was_picked_for_reading(locara_session, canary, tmp_path):
    folder = tmp_path / "picked"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear Anna")
    canary("diary.txt")
    app = locara_session(picks=[[folder]])
    (picked,) = assert_allowed(lambda: app.call("fs.pick", kind="directory", access="read", recursive=True))[
        "handles"
    ]
    read = app.call("fs.read", root=picked["handle"], path="letter.txt", encoding="utf8")
    assert read["data"] == "Dear Anna"
    place = {"root": picked["handle"], "path": "new.txt"}
    assert_denied(lambda: app.call("fs.write", **place, data="x", encoding="utf8", mode="create"))
    assert [file.name for file in folder.iterdir()] == ["letter.txt"]


def test_it_saves_in_a_folder_that_was_picked_for_it(locara_session, tmp_path):
    folder = tmp_path / "picked"
    folder.mkdir()
    app = locara_session(picks=[[folder]])
    (picked,) = assert_allowed(lambda: app.call("fs.pick", kind="directory", access="read-write"))["handles"]
    place = {"root": picked["handle"], "path": "new.txt"}
    assert_allowed(lambda: app.call("fs.write", **place, data="x", encoding="utf8", mode="create"))
    assert (folder / "new.txt").read_text() == "x"
    with_read = locara_session(picks=[[folder]], grants={"fs.user-selected": "read"})
    assert_denied(
        lambda: with_read.call("fs.pick", kind="directory", access="read-write"), because="fs.user-selected"
    )


def test_no_name_leads_out_of_what_was_picked(locara_session, canary, attack_paths, tmp_path):
    folder = tmp_path / "picked"
    folder.mkdir()
    secret = canary("secret.txt")
    app = locara_session(picks=[[folder]])
    (picked,) = app.call("fs.pick", kind="directory", access="read", recursive=True)["handles"]
    for path in (f"../canaries/{secret.name}", str(secret), *attack_paths[:200]):
        try:
            app.call("fs.read", root=picked["handle"], path=path, encoding="utf8")
        except Exception:  # whatever it is refused with: what counts is that the secret stays unread
            continue


def test_it_has_no_network(locara_session):
    assert_denied(lambda: locara_session().call("net.fetch"), because="net", code="unknown_command")
