"""The client between attacks: how much it asks, what it believes offline, and how it follows new keys."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sigstore._internal import tuf as sigstore_tuf
from sigstore.models import ClientTrustConfig

from locara.errors import LocaraError
from locara.trust.repository.client import open_copy
from locara.trust.repository.home import Home
from locara.trust.repository.names import REVOCATIONS, URGENT, app_target
from locara.trust.repository.refused import UpdateRefused
from locara_registry.trust.repository import lists
from locara_registry.trust.repository.files import Published
from locara_registry.trust.repository.layout import DELEGATED, ROLES
from locara_registry.trust.repository.state import State

from .test_attacks import entry
from .tuf_world import World, keyring

LONG = os.environ.get("LOCARA_LONG") == "1"


def test_a_refresh_without_news_is_two_requests(tuf: World) -> None:
    first = tuf.update()
    assert first.changed
    tuf.server.asked.clear()
    again = tuf.update()
    assert not again.changed
    assert tuf.server.asked == ["2.root.json", "timestamp.json"]
    assert again.requests == 2


def test_a_new_urgent_list_costs_its_own_files_alone(tuf: World) -> None:
    tuf.update()
    tuf.repository.renew()
    tuf.server.asked.clear()
    assert tuf.update().changed
    assert [name.rsplit("/", 1)[-1].split(".", 1)[-1] for name in tuf.server.asked] == [
        "root.json",
        "json",
        "snapshot.json",
        "urgent.json",
        "urgent.json",
    ]


def test_the_copy_is_read_without_a_socket(tuf: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tuf.update()
    asked: list[object] = []

    def refuse(*args: object, **named: object) -> Any:
        asked.append(args)
        raise OSError("no network here")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    copy = tuf.offline()
    assert all(copy.read(name) for name in copy.names)
    assert asked == []
    with pytest.raises(LocaraError) as caught:  # the twin: an update does ask
        tuf.update()
    assert caught.value.code == "unreachable"
    assert asked


def files_of(home: Home) -> list[str]:
    return sorted(path.relative_to(home.good).as_posix() for path in home.good.rglob("*") if path.is_file())


def test_each_file_of_the_copy_is_verified_again(tuf: World) -> None:
    tuf.repository.rotate("snapshot")  # so that there is a history of roots
    tuf.repository.renew(force=True)  # and nothing that the old key signed
    tuf.update()
    names = files_of(tuf.home)
    newest = "metadata/root_history/3.root.json"
    assert len(names) >= 12
    assert newest in names
    for name in names:
        place = tuf.home.good / name
        good = place.read_bytes()
        for damage in (good.replace(b"e", b"f", 1), good[:-3], b"", b"{}"):
            place.write_bytes(damage)
            with pytest.raises(UpdateRefused) as caught:
                tuf.kept()
            assert caught.value.code == "copy_changed", name
        place.unlink()
        if name == newest:  # without it the state is the one of the root before, which was as whole
            assert tuf.offline().metadata.version("root") == 2
        else:
            with pytest.raises(UpdateRefused):
                tuf.kept()
        place.write_bytes(good)
    tuf.kept()  # the twin: as it was


def test_an_edited_copy_is_mended_by_an_update(tuf: World) -> None:
    tuf.update()
    before = tuf.kept()
    (tuf.home.good / "targets" / "trusted_root.json").write_bytes(b'{"mediaType":"b test"}')
    with pytest.raises(UpdateRefused) as caught:
        tuf.kept()
    assert caught.value.code == "copy_changed"
    assert tuf.update().changed
    assert tuf.kept() == before


def test_another_root_under_the_old_name_is_refused(tuf: World, tmp_path: Path) -> None:
    tuf.update()
    (tuf.home.path / "root.json").write_bytes(tuf.root.replace(b"root", b"toor", 1))
    with pytest.raises(UpdateRefused) as caught:
        tuf.offline()
    assert caught.value.code == "copy_changed"
    with pytest.raises(UpdateRefused) as caught:
        Home(tmp_path / "nowhere").registry()
    assert caught.value.code == "not_followed"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://u:p@example.org/",
        "https://e.org/?a",
        "https://",
        "x",
    ],
)
def test_addresses_that_are_not_asked(tuf: World, url: str) -> None:
    with pytest.raises(UpdateRefused) as caught:
        tuf.home.follow(url, tuf.root)
    assert caught.value.code == "bad_address"
    assert tuf.home.registry().url == tuf.server.url


def test_what_is_no_root_is_not_followed(tuf: World, tmp_path: Path) -> None:
    one_signature = tuf.root.replace(b'"sig": "', b'"sig": "0', 2)
    for root in (b"", b"{}", one_signature, tuf.current("timestamp").read_bytes()):
        with pytest.raises(UpdateRefused):
            Home(tmp_path / "other").follow(tuf.server.url, root)
    assert not (tmp_path / "other").exists()
    Home(tmp_path / "other").follow(tuf.server.url, tuf.root)


@pytest.mark.parametrize("role", ROLES)
def test_clients_follow_a_new_key(tuf: World, role: str) -> None:
    tuf.update()
    old, _ = tuf.repository.rotate(role)
    assert tuf.update().changed or role in {"bins", "catalog"}
    tuf.repository.publish({app_target("acme/notes", "1.0.0"): b'{"a":1}'})
    tuf.repository.renew()
    tuf.update()
    assert tuf.kept()
    late = Home(tuf.folder / "late")
    late.follow(tuf.server.url, tuf.root)
    shutil.rmtree(tuf.home.path)
    tuf.home.follow(tuf.server.url, tuf.root)  # one who begins with the first root
    tuf.memory, tuf.lists = type(tuf.memory)(), None
    tuf.update()
    name = "bin-0" if role == "bins" else role
    assert old not in State.read(Published(tuf.public)).authority(name)[0]


def test_fast_forward_is_undone_by_new_keys(tuf: World) -> None:
    tuf.update()
    own = shutil.copytree(tuf.public, tuf.folder / "own")
    far = (1 << 31) - 1
    tuf.forge("snapshot", lambda signed: setattr(signed, "version", far))
    tuf.forge(
        "timestamp",
        lambda signed: (setattr(signed, "version", far), setattr(signed.snapshot_meta, "version", far)),
    )
    tuf.update()  # signed by both stolen keys, so it is believed
    shutil.rmtree(tuf.folder / "honest")
    own.rename(tuf.folder / "honest")
    tuf.recover()
    with pytest.raises(LocaraError) as caught:
        tuf.update()
    assert caught.value.code == "rollback"
    for role in ("timestamp", "snapshot"):
        tuf.repository.rotate(role)
    assert tuf.update().changed


def test_a_clock_that_was_set_back_does_not_thaw_a_frozen_state(tuf: World) -> None:
    tuf.update()
    tuf.repository.renew()
    with pytest.raises(LocaraError) as caught:
        tuf.update(
            ahead=4 * 86_400
        )  # the latest time ever seen, not the machine's clock, which is right here
    assert caught.value.code == "expired"
    assert tuf.update().changed


def test_an_answer_that_drips_is_given_up(tuf: World) -> None:
    tuf.update()
    tuf.repository.renew()

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "400")
        handler.end_headers()
        try:
            for _ in range(400):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    tuf.server.instead["timestamp.json"] = drip
    with pytest.raises(LocaraError) as caught:
        tuf.update(seconds=0.3)
    assert caught.value.code == "too_slow"
    tuf.server.instead.clear()
    assert tuf.update().changed


def test_a_refused_list_leaves_the_copy(tuf: World) -> None:
    tuf.repository.revise(lambda known, now: lists.with_entries(known, [entry()], now=now))
    tuf.update()
    before = tuf.kept()
    tuf.repository.revise(lambda known, now: lists.without(known, ["LR-1"], now=now))
    assert b"LR-1" in tuf.target_file(REVOCATIONS).read_bytes()  # lifted, by id
    assert tuf.update().changed
    assert tuf.kept()[REVOCATIONS] != before[REVOCATIONS]


def test_apps_are_found_in_their_bins(tuf: World) -> None:
    names = [app_target(f"acme/app-{number}", "1.0.0") for number in range(40)]
    tuf.repository.publish({name: name.encode() for name in names})
    found = tuf.update(optional=tuple(names))
    assert all(found.copy.read(name) == name.encode() for name in names)
    used = {State.read(Published(tuf.public)).role_of(name) for name in names}
    assert used == {f"bin-{number}" for number in range(4)}
    with pytest.raises(UpdateRefused) as caught:
        tuf.update(optional=(app_target("acme/none", "1.0.0"),)).copy.read(app_target("acme/none", "1.0.0"))
    assert caught.value.code == "unknown_target"


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.trust.updates.tuf_world import keyring
from locara_registry.trust.repository.repository import Repository
folder = Path(sys.argv[1])
repository = Repository(folder / "repo", keyring(folder))
print("ready", flush=True)
for number in range(10_000):
    repository.publish({f"apps/acme/app-{number}/1.0.0.json": b'{"number":%d}' % number})
    if number % 5 == 4:
        repository.rotate(("timestamp", "snapshot", "bins")[number // 5 % 3])
    print(number, flush=True)
"""


@pytest.mark.parametrize("_round", range(40 if LONG else 3))
def test_a_publisher_that_is_killed_breaks_nothing(tuf: World, _round: int) -> None:
    tuf.update()
    checkout = Path(__file__).resolve().parents[4]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tuf.folder), str(checkout)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline()]
    assert told == ["ready\n"]
    # A killed machine is not asked when: the wait differs from round to round.
    told.append(process.stdout.readline())
    time.sleep(0.013 * (_round * 7 % 31))
    process.send_signal(signal.SIGKILL)
    process.wait()
    told += process.stdout.read().split()
    said = max((int(line) for line in told[1:] if line.strip().isdigit()), default=0)
    tuf.update()
    wanted = app_target(f"acme/app-{said}", "1.0.0")
    assert tuf.update(optional=(wanted,)).copy.read(wanted) == b'{"number":%d}' % said
    tuf.repository.renew()  # whoever goes on after the kill finds a whole state
    assert tuf.update().changed


def test_a_client_that_is_killed_keeps_a_whole_copy(tuf: World) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from locara.trust.repository.client import update\nfrom locara.trust.repository.home import Home\n"
        "print('ready', flush=True)\n"
        "while True:\n    update(Home(Path(sys.argv[1])), now=time.time()); print('x', flush=True)\n"
    )
    tuf.update()
    for number in range(20 if LONG else 3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tuf.home.path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        tuf.repository.renew()
        time.sleep(0.011 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert set(tuf.kept()) >= {REVOCATIONS, URGENT}
    tuf.repository.renew()
    assert tuf.update().changed
    left = [path.name for path in tuf.home.path.iterdir() if "copy-" in path.name]
    assert left == [tuf.home.good.name]


def test_sigstore_takes_its_trust_from_here(
    tuf: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = resources.files("sigstore._store") / "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"
    root = (store / "trusted_root.json").read_bytes()
    config = (store / "signing_config.v0.2.json").read_bytes()
    tuf.repository.publish({"trusted_root.json": root, "signing_config.v0.2.json": config})
    places = (tmp_path / "metadata", tmp_path / "targets")
    monkeypatch.setattr(sigstore_tuf, "_get_dirs", lambda _url: places)
    (tmp_path / "root.json").write_bytes(tuf.root)
    found = ClientTrustConfig.from_tuf(tuf.server.url.rstrip("/"), bootstrap_root=tmp_path / "root.json")
    assert found.trusted_root is not None
    tuf.update()
    assert tuf.kept()["trusted_root.json"] == root  # the same by our own client, verified again at each read


def test_the_registry_alone_cannot_be_missing_keys(tuf: World) -> None:
    online = type(tuf.repository)(
        tuf.folder / "repo", keyring(tuf.folder).__class__(keyring(tuf.folder).online)
    )
    before = {path.name: path.read_bytes() for path in tuf.public.glob("*.json")}
    with pytest.raises(LocaraError) as caught:
        online.revise(lambda known, now: lists.with_entries(known, [entry()], now=now))
    assert caught.value.code == "material_missing"
    assert {path.name: path.read_bytes() for path in tuf.public.glob("*.json")} == before
    online.revise(
        lambda known, now: lists.with_urgent(known, [entry()], now=now)
    )  # the twin: one key is enough
    assert open_copy_after(tuf)


def test_each_role_has_the_last_word_on_its_targets(tuf: World) -> None:
    delegations = State.read(Published(tuf.public)).roles["targets"].signed.delegations
    assert delegations is not None and delegations.roles is not None
    assert {name: role.terminating for name, role in delegations.roles.items()} == dict.fromkeys(
        DELEGATED, True
    )


def test_nothing_is_published_beside_a_role_that_has_ended(tuf: World) -> None:
    online = keyring(tuf.folder).__class__(keyring(tuf.folder).online)
    before = {path.name: path.read_bytes() for path in tuf.public.glob("*.json")}
    for days, ended in ((181, True), (1, False)):
        late = type(tuf.repository)(
            tuf.folder / "repo", online, clock=lambda days=days: datetime.now(UTC) + timedelta(days=days)
        )
        if ended:
            with pytest.raises(UpdateRefused) as caught:
                late.renew()
            assert caught.value.code == "expired"
            assert {path.name: path.read_bytes() for path in tuf.public.glob("*.json")} == before
        else:
            late.renew()
            assert (tuf.public / "timestamp.json").read_bytes() != before["timestamp.json"]


def open_copy_after(tuf: World) -> bool:
    tuf.update()
    return b"LR-1" in open_copy(tuf.home).read(URGENT)
