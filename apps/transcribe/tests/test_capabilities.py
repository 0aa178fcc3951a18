"""What this app may do and may not, asked of its real runtime in its real sandbox. Run it with `locara test .`"""

from locara_verify.testing import assert_allowed, assert_denied


def test_it_finds_words_in_its_own_database(locara_session):
    assert locara_session().call("db.query", sql="SELECT count(*) FROM recordings")["rows"] == [[0]]


def test_it_writes_into_a_picked_folder_and_nowhere_else(locara_session, canary, attack_paths, tmp_path):
    folder = tmp_path / "picked"
    folder.mkdir()
    secret = canary("secret.txt")
    app = locara_session(picks=[[folder]])
    (picked,) = assert_allowed(lambda: app.call("fs.pick", kind="directory", access="read-write"))["handles"]
    root = picked["handle"]
    app.call("fs.write", root=root, path="talk.srt", data="1", encoding="utf8", mode="create")
    assert (folder / "talk.srt").read_text() == "1"
    for path in (f"../canaries/{secret.name}", str(secret), *attack_paths[:200]):
        try:
            app.call("fs.write", root=root, path=path, data="x", encoding="utf8", mode="replace")
        except Exception:  # whatever it is refused with: what counts is that the secret stays as it is
            continue


def test_it_may_hear_the_microphone_but_not_other_apps(locara_session):
    app = locara_session()
    assert_denied(lambda: app.call("audio.open", source="system"), because="device.system-audio")
    try:
        app.call("audio.open", source="microphone")
    except Exception as error:  # a machine without a microphone says so; a denial would be another code
        assert getattr(error, "code", "") == "device_unavailable"


def test_it_has_no_network_and_no_camera(locara_session):
    app = locara_session()
    assert_denied(lambda: app.call("net.fetch"), because="net", code="unknown_command")
    assert_denied(lambda: app.call("camera.open"), because="device.camera", code="unknown_command")
