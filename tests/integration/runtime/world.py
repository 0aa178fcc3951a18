"""A machine for one app: folders with canaries, models, tools, a web server, and apps with a layer taken away.

A layer is taken away from outside only: the kernel's by another launch plan, the runtime's by showing the
sandbox an edited copy of the package in place of the real one. Launcher and broker stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import locara
from locara.models.cache import ModelCache, default_root
from locara.programs.starter import Starter
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome
from locara.runtime.awake import Admission, awake_file
from locara.runtime.client import Client
from locara.runtime.launch import RunningApp, launch_plan, with_awake
from locara.runtime.private_places import PrivatePlaces
from locara.runtime.remembered import PickMemory
from locara.runtime.standing import Asleep
from locara.runtime.state import StateFolder
from locara.sandbox.desktop.opener import SessionOpener
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.desktop.scripted import FileRecorder, HeldClipboard, KeptNotes
from locara.sandbox.launcher import LaunchPlan, Services, Source, start
from locara.sandbox.picker import Answer, Ask, Picker
from locara.sandbox.plan import CA_DEST
from locara.sandbox.profile import model_dest, root_dest, shared_dest, tool_dest
from locara.tools.cache import ToolCache
from locara.tools.cache import default_root as tools_root

from .conftest import write_folder

REPOSITORY = Path(__file__).parents[3]
SOUND = REPOSITORY / "fixtures/audio/s1-action.wav"
PICTURE = b"\xff\xd8 a picture of the camera \xff\xd9"
HELD = "canary of the clipboard"
CANARY = "canary-2b9e"
PUBLIC = "93.184.216.34"
HOST = "api.example.com"


def _pins(path: str, key: str) -> dict[str, str]:
    listed = json.loads((REPOSITORY / path).read_text())[key]
    return {item["id"]: f"{item['id']}@{item['digest']}" for item in listed}


MODELS = _pins("fixtures/models/models.json", "models")
TOOLS = _pins("fixtures/tools/tools.json", "tools")


def tree_hash(folder: Path) -> str:
    """A digest of every name, kind, mode and byte below a folder."""
    found = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            status = path.lstat()
            found.update(f"{path.relative_to(folder)}\0{status.st_mode}\0{status.st_nlink}\0".encode())
            if path.is_symlink():
                found.update(os.fsencode(path.readlink()))
            elif path.is_file():
                found.update(path.read_bytes())
    return found.hexdigest()


class AlwaysPicks:
    """A person who picks the same thing every time they are asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pick(self, ask: Ask) -> Answer:
        """The thing."""
        return Answer((self.path,), ask.remember)


@dataclass
class World:
    """Everything outside that an app could want. `dialled` keeps which addresses were connected to."""

    folder: Path
    dialled: list[str] = field(default_factory=list)
    person: Picker | None = None
    clipboard: HeldClipboard = field(default_factory=lambda: HeldClipboard(HELD.encode()))
    notes: KeptNotes = field(default_factory=KeptNotes)
    recorder: FileRecorder = field(default_factory=lambda: FileRecorder(SOUND, SOUND))
    told: list[str] = field(default_factory=list)
    minutes: int = 0

    def __post_init__(self) -> None:
        (self.folder / "picture.jpg").write_bytes(PICTURE)
        self.recorder.pictures = [self.folder / "picture.jpg"]
        browser = self.folder / "browser"
        browser.write_text(f"""#!/bin/sh
printf '%s\\n' "$@" end-of-page >> {self.folder}/pages.txt
""")
        browser.chmod(0o755)
        for name in ("documents", "pictures", "picked", "shared"):
            place = self.folder / name
            place.mkdir()
            place.chmod(0o777)  # whoever the app runs as: only the sandbox says no
            (place / "a.txt").write_text(CANARY)
            (place / "a.txt").chmod(0o666)
        make_certificate(self.folder)

    @property
    def roots(self) -> dict[str, Path]:
        """The person's folders."""
        return {name: self.folder / name for name in ("documents", "pictures")}

    @property
    def picker(self) -> Picker:
        """Picks the folder `picked`, where nobody else was named."""
        return self.person or AlwaysPicks(self.folder / "picked")

    def hash(self) -> str:
        """What every folder holds."""
        return " ".join(
            tree_hash(self.folder / name) for name in ("documents", "pictures", "picked", "shared")
        )

    @property
    def desktop(self) -> Desktop:
        """A desktop that keeps what is asked of it. Its browser is a real program that notes its arguments."""
        opener = SessionOpener(str(self.folder / "browser"))
        return Desktop(
            self.clipboard, self.notes, opener, self.recorder, tell=self.told.append, clock=self.clock
        )

    def clock(self) -> float:
        """A minute passes between any two looks at it, so that no rate is ever reached."""
        self.minutes += 1
        return self.minutes * 60.0

    def pages(self) -> list[list[str]]:
        """The arguments of each start of the browser."""
        path = self.folder / "pages.txt"
        started = path.read_text().split("end-of-page\n")[:-1] if path.exists() else []
        return [one.splitlines() for one in started]

    def forget_pages(self) -> None:
        """Forget them."""
        (self.folder / "pages.txt").unlink(missing_ok=True)

    def effects(self) -> tuple[object, ...]:
        """Everything that apps did on the desktop and to the network."""
        return (
            list(self.dialled),
            self.clipboard.text,
            self.clipboard.reads,
            list(self.notes.shown),
            self.pages(),
            list(self.recorder.opened),
        )

    def app(self, name: str, capabilities: Mapping[str, Any], **fields: Any) -> AppBundle:
        """An app on disk."""
        return AppBundle.open(write_folder(self.folder / name, capabilities, None, **fields))

    def plan(self, bundle: AppBundle) -> LaunchPlan:
        """The real launch plan, with this world's certificate authority in place of the host's."""
        plan = launch_plan(
            bundle,
            home=self.home(bundle),
            cache=ModelCache(default_root()),
            user_roots=self.roots,
            tools=ToolCache(tools_root()),
            shared={item.id: self.folder / "shared" for item in bundle.grants.shared_folders},
        )
        ours = self.folder / "ca.pem"
        return replace(
            plan,
            sources=tuple(replace(s, path=ours) if s.dest == CA_DEST else s for s in plan.sources),
        )

    def home(self, bundle: AppBundle) -> AppHome:
        """Where an app keeps its data."""
        return AppHome.of(bundle.grants, root=self.folder / f"home-{bundle.path.name}")

    def begin(self, bundle: AppBundle, plan: LaunchPlan) -> RunningApp:
        """Start a plan in the real sandbox with this world's answers outside."""
        home = self.home(bundle)
        home.path.parent.mkdir(exist_ok=True)
        to_app, from_app = os.pipe(), os.pipe()
        log = os.open(home.runtime_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        state = self.folder / "decisions"
        services = Services(
            picker=self.picker,
            memory=PickMemory(
                StateFolder(state),
                bundle.grants.app_id,
                bundle.manifest.digest,
                PrivatePlaces(self.folder / "person", (state,)),
            ),
            desktop=self.desktop,
            resolver=self.resolve,
            dial=self.dial,
            programs=Starter(),
        )
        with awake_file(StateFolder(state), Admission(bundle, Asleep())) as awake:
            whole = with_awake(plan, awake)
            process = start(whole, stdin=to_app[0], stdout=from_app[1], stderr=log, services=services)
        for fd in (to_app[0], from_app[1], log):
            os.close(fd)
        running = RunningApp(bundle, home, process, Client(read_fd=from_app[0], write_fd=to_app[1]))
        running.client.call("app.info")
        return running

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every name has one public address."""
        return [PUBLIC]

    def dial(self, address: str, port: int) -> socket.socket:
        """A connection to a web server that knows the canary."""
        self.dialled.append(address)
        left, right = socket.socketpair()
        threading.Thread(target=self._serve, args=(right,), daemon=True).start()
        return left

    def _serve(self, sock: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        with suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
            while b"\r\n\r\n" not in secure.recv(65_536):
                continue
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CANARY)}\r\nConnection: close\r\n\r\n"
            secure.sendall(f"{head}{CANARY}".encode())


def make_certificate(folder: Path) -> None:
    """An authority, and a certificate of it for the one host that is served."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test")
    extensions = ("-addext", f"subjectAltName=DNS:{HOST}", "-CA", "ca.pem", "-CAkey", "ca.key")
    openssl(
        "req", "-x509", *new, *extensions, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=s"
    )
    (folder / "ca.pem").chmod(0o644)


def without_kernel(plan: LaunchPlan, world: World, wide: AppBundle) -> LaunchPlan:
    """The plan without its kernel layers, with everything of `wide` shown and writable, and with a broker and
    a proxy that allow what `wide` says. The network stays a namespace of its own, where the proxy has its port.
    """
    sources = {source.dest: source for source in plan.sources}
    for root, path in world.roots.items():
        sources[root_dest(root)] = Source(path, root_dest(root), "dir", writable=True)
    sources[shared_dest("notes")] = Source(
        world.folder / "shared", shared_dest("notes"), "dir", writable=True
    )
    for digest in wide.grants.models.values():
        blob = ModelCache(default_root()).blob(digest)
        assert blob is not None
        sources[model_dest(digest)] = Source(blob, model_dest(digest), "file")
    for digest in wide.grants.tools.values():
        folder = ToolCache(tools_root()).folder(digest)
        assert folder is not None
        sources[tool_dest(digest)] = Source(folder, tool_dest(digest), "dir")
    return replace(
        plan,
        grants=wide.grants,
        sources=tuple(sources.values()),
        seccomp=None,
        landlock=None,
        exec_filter=False,
        unshare_pid=False,
        unshare_ipc=False,
        unshare_uts=False,
        new_session=False,
        required=frozenset(),
    )


def without_runtime(plan: LaunchPlan, copy: Path, believed: bytes) -> LaunchPlan:
    """The plan with a runtime inside that takes `believed` for the manifest: its table, its gate and its
    handles allow what that one says. The kernel's layers and the broker know the real one.
    """
    package = Path(os.path.realpath(next(iter(locara.__path__))))
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("js", "node_modules"), symlinks=True)
    session = copy / "runtime/session.py"
    text = session.read_text()
    seam = "    grants = admitted.grants\n"
    assert text.count(seam) == 1
    text = text.replace(
        seam,
        "    from dataclasses import replace\n"
        "    from locara.core.compile import compile_grants\n"
        "    from locara.core.manifest import parse_manifest\n"
        f"    wide = compile_grants(parse_manifest({believed!r}))\n"
        "    admitted = replace(admitted, grants=wide)\n"
        "    grants = admitted.grants\n",
    )
    session.write_text(text)
    shown = [source for source in plan.sources if source.dest == str(package)]
    assert len(shown) == 1, "the package is shown at its own place"
    sources = (replace(source, path=copy) if source in shown else source for source in plan.sources)
    return replace(plan, sources=tuple(sources))
