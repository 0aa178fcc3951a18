"""LaunchSpec (what the runtime asks for) -> LaunchPlan (everything the start needs, as one frozen value).

A plan holds no descriptors and opens nothing: sources are opened once, at the start, without following links.
The verifier derives variants with `dataclasses.replace`; nothing on an installed app's command line can.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import locara
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.linux import seccomp
from locara.sandbox.linux.identity import Identity, ordinary_identity
from locara.sandbox.linux.landlock import Access, Policy
from locara.sandbox.profile import APP, DATA, PROXY_PORT, SCRATCH, Profile, profile

ALL_LAYERS: Final = frozenset(
    {
        "identity",
        "user",
        "pid",
        "net",
        "ipc",
        "uts",
        "capabilities",
        "seccomp",
        "landlock",
        "exec",
        "binds",
        "env",
        "fds",
    }
)
"""Names of what the first program inside reads back from the kernel before any payload runs."""

CA_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
CA_DEST: Final = "/etc/ssl/certs/ca-certificates.crt"
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Payload:
    """The module run inside as `__main__`, with its arguments."""

    module: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One app to start.

    models, tools, user_roots and shared_folders (by id) say where granted things lie on this host; a folder that is
    not granted is never shown, a model or tool that is not granted is an error. A shared folder is made when it is
    not there yet. app_parts are directories below app_dir, shown read-only
    when they exist. extra_read_only are further code trees at their own paths; a package's parent joins the
    import path.
    """

    grants: Grants
    manifest_path: Path
    app_dir: Path
    data_dir: Path
    payload: Payload
    models: Mapping[Digest, Path] = field(default_factory=dict)
    user_roots: Mapping[str, Path] = field(default_factory=dict)
    tools: Mapping[Digest, Path] = field(default_factory=dict)
    shared_folders: Mapping[str, Path] = field(default_factory=dict)
    app_parts: tuple[str, ...] = ("db", "dist")
    extra_read_only: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A place on the host and where it appears. `below`: path is relative to it and must not leave it by
    any link.
    """

    path: Path
    dest: str
    shape: Literal["dir", "file", "socket"]
    writable: bool = False
    below: Path | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Everything `start` does, as a value. Dropping a field drops that layer; `required` says what must be
    proven.
    """

    grants: Grants
    profile: Profile
    sources: tuple[Source, ...]
    links: tuple[tuple[str, str], ...]
    environment: Mapping[str, str]
    interpreter: str
    import_path: tuple[str, ...]
    payload: Payload
    identity: Identity | None
    seccomp: bytes | None
    landlock: Policy | None
    exec_filter: bool = True
    clear_env: bool = True
    unshare_net: bool = True
    unshare_pid: bool = True
    unshare_ipc: bool = True
    unshare_uts: bool = True
    drop_capabilities: bool = True
    disable_userns: bool = True
    new_session: bool = True
    inherit_fds: tuple[int, ...] = ()
    scratch_bytes: int = 256 * 1024 * 1024
    required: frozenset[str] = ALL_LAYERS

    @property
    def net(self) -> Literal["none", "proxy"]:
        """Whether the app's namespace gets the proxy's listener."""
        return self.profile.net


def build_plan(spec: LaunchSpec) -> LaunchPlan:
    """Project Grants and host layout onto one start. SandboxError launch_failed: the spec asks for what is
    not granted.
    """
    view = profile(spec.grants)
    code, links, import_path = code_sources(spec.extra_read_only)
    sources = [*code, *_app_sources(spec), Source(_data_dir(spec.data_dir), DATA, "dir", writable=True)]
    sources += _model_sources(spec, view) + _tool_sources(spec, view) + _root_sources(spec, view)
    environment = {
        "PATH": "/usr/bin",
        "HOME": f"{DATA}/tmp",  # noqa: S108 - inside
        "LANG": "C.UTF-8",
        "TMPDIR": SCRATCH,
        "OPENBLAS_NUM_THREADS": "1",  # NumPy is loaded for its arrays: the threads it starts have nothing to do
    }
    if view.net == "proxy":
        environment["LOCARA_PROXY"] = f"127.0.0.1:{PROXY_PORT}"
        authority = next((path for path in CA_FILES if Path(path).is_file()), None)
        if authority is not None:
            sources.append(Source(Path(authority).resolve(), CA_DEST, "file"))
            environment["LOCARA_CA_FILE"] = CA_DEST
    readable: list[tuple[str, Access]] = [(s.dest, "write" if s.writable else "read") for s in sources]
    open_paths: tuple[tuple[str, Access], ...] = (
        *readable,
        (SCRATCH, "write"),
        *((device, "device") for device in DEVICES),
    )
    return LaunchPlan(
        grants=spec.grants,
        profile=view,
        sources=tuple(sources),
        links=links,
        environment=environment,
        interpreter=os.path.realpath(sys.executable),
        import_path=import_path,
        payload=spec.payload,
        identity=ordinary_identity(os.getuid(), os.environ),
        seccomp=seccomp.program(inet=view.net == "proxy"),
        landlock=Policy(open_paths, (PROXY_PORT,) if view.net == "proxy" else ()),
    )


def _absolute(path: Path) -> Path:
    # Lexical only: a symbolic link in the path must stay visible, so that the start refuses it.
    return Path(os.path.normpath(Path.cwd() / path))


def _data_dir(path: Path) -> Path:
    # As root the start gives this directory to an ordinary user: it must be the app's own and nobody else's.
    absolute = _absolute(path)
    if len(absolute.parts) < 3 or absolute == Path.home():
        raise SandboxError(f"{absolute} cannot be an app's data directory", code="launch_failed")
    return absolute


def _portable(part: str) -> str:
    pure = PurePosixPath(part)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in part:
        raise SandboxError(f"{part!r} is not a path below the app's directory", code="launch_failed")
    return str(pure)


def _app_sources(spec: LaunchSpec) -> list[Source]:
    app_dir = _absolute(spec.app_dir)
    manifest = Source(_absolute(spec.manifest_path), f"{APP}/locara.json", "file")
    names = sorted({_portable(part) for part in spec.app_parts})
    return [manifest, *(Source(Path(n), f"{APP}/{n}", "dir", below=app_dir, optional=True) for n in names)]


def _model_sources(spec: LaunchSpec, view: Profile) -> list[Source]:
    sources = []
    for digest, path in sorted(spec.models.items(), key=lambda item: item[0].hex):
        bind = view.bind(f"model:{digest.hex}")
        if bind is None:
            raise SandboxError(
                f"the model {digest} is not granted to {spec.grants.app_id}", code="launch_failed"
            )
        sources.append(Source(_absolute(path), bind.dest, "file"))
    return sources


def _tool_sources(spec: LaunchSpec, view: Profile) -> list[Source]:
    sources = []
    for digest, path in sorted(spec.tools.items(), key=lambda item: item[0].hex):
        bind = view.bind(f"tool:{digest.hex}")
        if bind is None:
            raise SandboxError(
                f"the tool {digest} is not granted to {spec.grants.app_id}", code="launch_failed"
            )
        sources.append(Source(_absolute(path), bind.dest, "dir"))
    return sources


def _root_sources(spec: LaunchSpec, view: Profile) -> list[Source]:
    roots = [(path, view.bind(f"root:{root}")) for root, path in sorted(spec.user_roots.items())]
    shared = [(path, view.bind(f"shared:{name}")) for name, path in sorted(spec.shared_folders.items())]
    return [
        Source(_absolute(path), bind.dest, "dir", bind.writable)
        for path, bind in roots + shared
        if bind is not None
    ]


SHARED_PREFIXES: Final = ("/usr", "/usr/local")
"""Prefixes that hold more than the interpreter that names them."""


def code_sources(
    extra: tuple[Path, ...],
) -> tuple[list[Source], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Where the interpreter, its libraries, the framework and its dependencies lie: (sources, links, import
    path).

    Found from the running interpreter alone, so a checkout, a virtual environment and an installed wheel
    all work. Each tree appears at its real path and, where the interpreter was built with a path that holds
    a link, there too.
    """
    links: list[tuple[str, str]] = []
    trees: dict[str, Path] = {}
    for system in ("/usr/lib", "/usr/lib64", "/lib", "/lib64"):
        path = Path(system)
        if path.is_symlink():
            links.append((str(path.readlink()), system))
        elif path.is_dir():
            trees[system] = path
    executable = Path(os.path.realpath(sys.executable))
    interpreter, library = _interpreter()
    for tree in interpreter:
        _add_tree(trees, tree)
    framework = Path(os.path.realpath(next(iter(locara.__path__))))
    packages = [Path(os.path.realpath(sysconfig.get_path(name))) for name in ("purelib", "platlib")]
    for tree in (framework, *packages, *extra):
        _add_tree(trees, tree)
    import_path = [str(framework.parent), *map(str, packages)]
    import_path += [os.path.realpath(tree.parent) for tree in extra if (tree / "__init__.py").is_file()]
    sources = [Source(path, dest, "dir") for dest, path in trees.items() if not _covered(dest, path, trees)]
    for file in (executable, *library):
        if not any(file.is_relative_to(source.path) for source in sources):
            sources.append(Source(file, str(file), "file"))
    cache = Path("/etc/ld.so.cache")
    if cache.is_file() and not cache.is_symlink():
        sources.append(Source(cache, str(cache), "file"))
    return sources, tuple(links), tuple(dict.fromkeys(import_path))


def _interpreter() -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Trees and files of the running interpreter: its own folder, or of the system's, which shares one with every other
    program, its standard library and its shared library."""
    if sys.base_prefix not in SHARED_PREFIXES:
        return (Path(sys.base_prefix),), ()
    standard = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    library = Path(os.path.realpath(f"{folder}/{name}"))
    return standard, (library,) if library.is_file() else ()


def _add_tree(trees: dict[str, Path], tree: Path) -> None:
    real = Path(os.path.realpath(tree))
    if len(real.parts) < 3 or real == Path.home():
        raise SandboxError(
            f"the code directory {real} is too broad to show to an app",
            code="launch_failed",
            fix="install Locara and its interpreter in directories of their own",
        )
    trees[str(real)] = real
    trees[os.path.abspath(tree)] = real  # noqa: PTH100 - lexical on purpose: resolve() would follow the link


def _covered(dest: str, path: Path, trees: Mapping[str, Path]) -> bool:
    return any(
        dest != other and Path(dest).is_relative_to(other) and path.is_relative_to(trees[other])
        for other in trees
    )
