"""A registry's repository, a server that counts, a client, and an attacker who holds chosen keys."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile
from tuf.api.serialization.json import JSONSerializer

from locara.trust.repository.client import Copy, Updated, open_copy, update
from locara.trust.repository.fetcher import Fetcher
from locara.trust.repository.home import Home
from locara.trust.repository.names import REVOCATIONS, URGENT
from locara.trust.revocation.acceptance import Memory, accept
from locara.trust.revocation.document import Known, parse_listed, parse_urgent
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.repository.keyring import Keyring, key_name
from locara_registry.trust.repository.layout import Layout, holder
from locara_registry.trust.repository.repository import Repository

SMALL = JSONSerializer(compact=True)
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Serves a folder on the loopback, counts requests, and answers chosen paths as an attacker would."""

    def __init__(self) -> None:
        self.folder = Path("/nonexistent")
        self.asked: list[str] = []
        self.instead: dict[str, Answer] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 65_536

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                server.asked.append(name)
                if name in server.instead:
                    server.instead[name](self)
                    return
                try:
                    data = (server.folder / name).read_bytes()
                except OSError:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_args: object) -> None:
                """A client that leaves is no error, and a trace is parsed beside what a later test imports."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def made(folder: Path, layout: Layout | None = None) -> bytes:
    """A repository with a model index and the two targets of Sigstore; returns its first root."""
    repository = Repository(folder / "repo", keyring(folder))
    small = layout or Layout(bits=2)
    return repository.create(
        small,
        {
            "models/index.json": b'{"schema":"locara-models/1","models":[]}',
            "trusted_root.json": b'{"mediaType":"a test"}',
            "signing_config.v0.2.json": b'{"mediaType":"a test, too"}',
        },
    )


def keyring(folder: Path) -> Keyring:
    return Keyring(FileKeys(folder / "online"), FileKeys(folder / "offline"))


@dataclass
class World:
    """One registry and one client that follows it."""

    folder: Path
    server: Server
    root: bytes
    memory: Memory = field(default_factory=Memory)
    lists: Known | None = None

    @classmethod
    def fresh(cls, folder: Path, template: Path, server: Server, root: bytes) -> World:
        shutil.copytree(template, folder)
        world = cls(folder, server, root)
        server.folder, server.instead, server.asked = world.public, {}, []
        world.home.follow(server.url, root)
        return world

    @property
    def public(self) -> Path:
        return self.folder / "repo/public"

    @property
    def repository(self) -> Repository:
        return Repository(self.folder / "repo", keyring(self.folder))

    @property
    def home(self) -> Home:
        return Home(self.folder / "client")

    def update(
        self, *, ahead: float = 0.0, silence: float = 20.0, seconds: float = 300.0, **more: Any
    ) -> Updated:
        """The client's update; its lists are accepted by the client's own rules."""
        now = datetime.now(UTC).timestamp() + ahead

        def take(copy: Copy) -> None:
            after = Known(parse_listed(copy.read(REVOCATIONS)), parse_urgent(copy.read(URGENT)))
            self.memory = accept(self.memory, self.lists, after, now=now)
            self.lists = after

        fetcher = Fetcher(silence=silence, seconds=seconds)
        done = update(self.home, now=now, accept=take, fetcher=fetcher, **more)
        self.checkpoint()
        return done

    def checkpoint(self) -> None:
        """Remember what is published: the client has seen it, so an honest registry goes on from there."""
        shutil.rmtree(self.folder / "honest", ignore_errors=True)
        shutil.copytree(self.public, self.folder / "honest")

    def recover(self) -> None:
        """The registry puts its own files back and goes on for longer than the attacker did."""
        shutil.rmtree(self.public)
        shutil.copytree(self.folder / "honest", self.public)
        self.server.instead = {}
        for _ in range(3):
            self.repository.renew(force=True)

    def offline(self) -> Copy:
        return open_copy(self.home)

    def kept(self) -> dict[str, bytes]:
        """What the client would believe without a network: bytes of every target."""
        copy = self.offline()
        return {name: copy.read(name) for name in copy.names}

    # --- what an attacker can do -----------------------------------------------------------------

    def current(self, role: str) -> Path:
        """The file of a role that is published now."""
        if role == "timestamp":
            return self.public / "timestamp.json"
        if role == "root":
            newest = max(int(path.name.split(".")[0]) for path in self.public.glob("*.root.json"))
            return self.public / f"{newest}.root.json"
        stamp = json.loads((self.public / "timestamp.json").read_bytes())["signed"]
        version = stamp["meta"]["snapshot.json"]["version"]
        if role != "snapshot":
            snapshot = json.loads((self.public / f"{version}.snapshot.json").read_bytes())["signed"]
            version = snapshot["meta"][f"{role}.json"]["version"]
        return self.public / f"{version}.{role}.json"

    def forge(
        self,
        role: str,
        edit: Callable[[Any], object] = lambda signed: None,
        *,
        keys: Iterable[str] | None = None,
        bump: bool = True,
        base: bytes | None = None,
    ) -> Any:
        """Write a new version of a role, edited and signed by these keys (all of the role's by default)."""
        metadata: Metadata[Any] = Metadata.from_bytes(
            self.current(role).read_bytes() if base is None else base
        )
        signed = metadata.signed
        signed.version += bump
        signed.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        edit(signed)
        metadata.signatures.clear()
        for signer in self.signers(role, keys):
            metadata.sign(signer, append=True)
        name = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        (self.public / name).write_bytes(metadata.to_bytes(SMALL))
        return signed

    def signers(self, role: str, keys: Iterable[str] | None) -> list[Any]:
        if keys is None:
            return list(keyring(self.folder).signers(holder(role)))
        found = []
        for key in keys:
            name, _, number = key.rpartition("-")
            store = FileKeys(self.folder / "online")
            if key_name(name, int(number)) not in store.names():
                store = FileKeys(self.folder / "offline")
            found.append(CryptoSigner(store.open(key_name(name, int(number))), None))
        return found

    def carry(self, role: str | None = None) -> None:
        """Sign snapshot and timestamp so that they name the newest file of a role: both online keys are stolen."""
        if role is not None:
            versions = [int(path.name.split(".")[0]) for path in self.public.glob(f"*.{role}.json")]
            self.forge(
                "snapshot", lambda signed: signed.meta.update({f"{role}.json": MetaFile(max(versions))})
            )
        newest = max(int(path.name.split(".")[0]) for path in self.public.glob("*.snapshot.json"))
        self.forge("timestamp", lambda signed: setattr(signed, "snapshot_meta", MetaFile(newest)))

    def target_file(self, path: str) -> Path:
        """The published file of a target, of whichever state was published last."""
        folder, _, name = path.rpartition("/")
        return max(
            (self.public / "targets" / folder).glob(f"*.{name}"), key=lambda file: file.stat().st_mtime_ns
        )
