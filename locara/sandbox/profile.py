"""Grants -> what the Linux kernel lets the runtime reach. Pure: the same Grants give the same Profile,
nothing is read.

Everything a Profile opens is asked of `decide` first, so the kernel never allows what the runtime's gate
would not. The one thing below the gate is the app's own store: the runtime needs it for settings and
database whatever is granted.
"""

from __future__ import annotations

from typing import Final, Literal

from locara.core.capability import Kind
from locara.core.decision import decide
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.core.request import FsRequest
from locara.core.scope import is_empty
from locara.records import dataclass

USER_ROOTS: Final = ("documents", "downloads", "desktop", "pictures", "music", "movies")

APP: Final = "/app"
DATA: Final = "/data"
MODELS: Final = "/models"
TOOLS: Final = "/tools"
ROOTS: Final = "/roots"
SHARED: Final = f"{ROOTS}/shared"
SCRATCH: Final = "/tmp"  # noqa: S108 - the sandbox's own tmpfs
DATA_PARTS: Final = ("db", "files", "audit", "tmp")
PROXY_PORT: Final = 3128
"""On the loopback of the app's own network namespace."""


@dataclass(frozen=True, slots=True)
class Bind:
    """One place of the host shown inside: `role` names the source, `dest` is where it appears."""

    role: str
    dest: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """The kernel's half of the Grants: places, and whether the proxy's port exists at all."""

    binds: tuple[Bind, ...]
    net: Literal["none", "proxy"]

    def bind(self, role: str) -> Bind | None:
        """The bind of a role, None when the Grants do not open it."""
        return next((bind for bind in self.binds if bind.role == role), None)


def model_dest(digest: Digest) -> str:
    """Where a pinned model's bytes appear inside."""
    return f"{MODELS}/{digest.hex}/model.gguf"


def tool_dest(digest: Digest) -> str:
    """Where a pinned tool's folder appears inside."""
    return f"{TOOLS}/{digest.hex}"


def root_dest(root: str) -> str:
    """Where one of the person's folders appears inside."""
    return f"{ROOTS}/{root}"


def shared_dest(folder: str) -> str:
    """Where a shared folder appears inside, once every app that it names declares it."""
    return f"{SHARED}/{folder}"


def profile(grants: Grants) -> Profile:
    """The Linux projection of Grants. Binds are sorted by destination."""
    binds = [Bind("app", APP, writable=False), Bind("data", DATA, writable=True)]
    binds += [
        Bind(f"model:{digest.hex}", model_dest(digest), writable=False)
        for digest in sorted(set(grants.models.values()), key=lambda d: d.hex)
    ]
    binds += [
        Bind(f"tool:{digest.hex}", tool_dest(digest), writable=False)
        for digest in sorted(set(grants.tools.values()), key=lambda d: d.hex)
    ]
    for root in USER_ROOTS:
        reads = decide(grants, FsRequest(root, "", "read")).allowed
        writes = decide(grants, FsRequest(root, "", "write")).allowed
        if reads:
            binds.append(Bind(f"root:{root}", root_dest(root), writable=writes))
    for folder in grants.shared_folders:
        reads = decide(grants, FsRequest(f"shared/{folder.id}", "", "read")).allowed
        writes = decide(grants, FsRequest(f"shared/{folder.id}", "", "write")).allowed
        if reads:
            binds.append(Bind(f"shared:{folder.id}", shared_dest(folder.id), writable=writes))
    net: Literal["none", "proxy"] = "none" if is_empty(grants.scope(Kind.NET)) else "proxy"
    return Profile(tuple(sorted(binds, key=lambda bind: bind.dest)), net)
