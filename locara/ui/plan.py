"""The window's own sandbox: a display, the page's built files, the system's libraries, and nothing else.

It is started like an app's runtime and every layer is read back in the same way. What differs: no data folder
and no models, the right to start the engine's own processes, and a socket to the display server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import locara
from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.linux import seccomp
from locara.sandbox.linux.identity import ordinary_identity
from locara.sandbox.linux.landlock import Access, Policy
from locara.sandbox.plan import ALL_LAYERS, DEVICES, LaunchPlan, Payload, Source
from locara.sandbox.profile import SCRATCH, Profile
from locara.ui.display import Display

HOST: Final = "locara.ui.webkit.host"
PYWEBVIEW: Final = "locara.ui.pywebview.host"
PAGE: Final = "/page"
COOKIE: Final = "/xauthority"
PYTHON: Final = "/usr/bin/python3"
LAYERS: Final = ALL_LAYERS - {"exec"}
"""All but one: WebKit starts processes, so the filter that ends all execve calls stays off. Landlock lets it start
programs of the system's library folder only, and all of them keep every other layer."""

_TYPELIBS: Final = ("WebKit2-4.1.typelib", "Gtk-3.0.typelib", "Soup-3.0.typelib")
_INSTALL: Final = (
    "install WebKitGTK for the system's Python "
    "(Debian, Ubuntu: apt install python3-gi gir1.2-webkit2-4.1 gir1.2-gtk-3.0), or use --headless"
)
_READ: Final = ("/usr/share", "/etc/fonts", "/var/cache/fontconfig")
_LIBRARIES: Final = ("/usr/lib", "/usr/lib64", "/usr/libexec")


_BROUGHT: Final = "/pywebview"


@dataclass(frozen=True, slots=True)
class Look:
    """How the window begins: ``size`` is width and height in pixels; ``at`` where it stood; ``about`` what
    the menu tells; ``host`` the program that draws it, where the one of other systems is tested on this one."""

    title: str
    entry: str
    size: tuple[int, int] = (1000, 720)
    at: tuple[int, int] | None = None
    maximized: bool = False
    dark: bool = False
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    host: Literal["webkit", "pywebview"] = "webkit"


def window_plan(
    grants: Grants, folder: Path, look: Look, display: Display, cookie: Path | None
) -> LaunchPlan:
    """The launch plan of a window that shows the page in ``folder``.

    ``cookie`` is a file with the X11 cookie that the sandbox's user may read. Raises SandboxError
    ``window_missing`` when the system has no WebKitGTK.
    """
    interpreter = find_engine()
    at = f"{SCRATCH}/.X11-unix/X{display.name[1:]}" if display.kind == "x11" else f"{SCRATCH}/{display.name}"
    framework = Path(os.path.realpath(next(iter(locara.__path__))))
    page = Path(os.path.normpath(Path.cwd() / folder))
    sources = [
        Source(page, PAGE, "dir"),
        Source(framework, str(framework), "dir"),
        Source(display.socket, at, "socket"),
        Source(Path(interpreter), interpreter, "file"),
    ]
    sources += [Source(Path(path), path, "dir", optional=True) for path in (*_READ, *_LIBRARIES)]
    if Path("/etc/ld.so.cache").is_file():
        sources.append(Source(Path("/etc/ld.so.cache"), "/etc/ld.so.cache", "file"))
    if cookie is not None:
        sources.append(Source(cookie, COOKIE, "file"))
    brought = _pywebview() if look.host == "pywebview" else ()
    sources += brought
    run = {*_LIBRARIES, interpreter}
    paths: list[tuple[str, Access]] = [
        (s.dest, "run" if s.dest in run else "read") for s in sources if s.shape != "socket"
    ]
    # JavaScriptCore reads its own entry of /proc, and Landlock knows no process that is not there yet.
    paths += [(SCRATCH, "write"), ("/proc", "read"), *((device, "device") for device in DEVICES)]
    return LaunchPlan(
        grants=grants,
        profile=Profile((), "none"),
        sources=tuple(sources),
        links=tuple(
            (f"usr/{name}", f"/{name}") for name in ("lib", "lib64") if Path(f"/{name}").is_symlink()
        ),
        environment=_environment(display, cookie),
        interpreter=interpreter,
        import_path=(
            str(framework.parent),
            *((_BROUGHT,) if brought else ()),
            "/usr/lib/python3/dist-packages",
            *_site_packages(interpreter),
        ),
        payload=Payload(PYWEBVIEW if brought else HOST, (json.dumps(_config(look)),)),
        identity=ordinary_identity(os.getuid(), os.environ),
        seccomp=seccomp.program(inet=False, unix=True),
        landlock=Policy(tuple(paths)),
        exec_filter=False,
        required=LAYERS,
    )


def _pywebview() -> tuple[Source, ...]:
    """pywebview and what it needs, from this interpreter's packages. Pure Python, so the system's can use it."""
    found = []
    for name in ("webview", "bottle", "proxy_tools", "typing_extensions"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise SandboxError(
                f"pywebview is not complete: {name} is missing",
                code="window_missing",
                fix="install the extra: window",
            )
        place = Path(os.path.realpath(spec.origin))
        if spec.submodule_search_locations:
            found.append(Source(place.parent, f"{_BROUGHT}/{name}", "dir"))
        else:
            found.append(Source(place, f"{_BROUGHT}/{name}.py", "file"))
    return tuple(found)


def _config(look: Look) -> dict[str, Any]:
    return {
        "title": look.title,
        "folder": PAGE,
        "entry": look.entry,
        "size": list(look.size),
        "at": None if look.at is None else list(look.at),
        "maximized": look.maximized,
        "dark": look.dark,
        "about": {key: list(lines) for key, lines in look.about.items()},
    }


def _environment(display: Display, cookie: Path | None) -> dict[str, str]:
    shown = (
        {"DISPLAY": display.name, "GDK_BACKEND": "x11"}
        if display.kind == "x11"
        else {"WAYLAND_DISPLAY": display.name, "GDK_BACKEND": "wayland"}
    )
    return {
        **shown,
        **({} if cookie is None else {"XAUTHORITY": COOKIE}),
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "GIO_USE_VFS": "local",
        "GSETTINGS_BACKEND": "memory",
        "GTK_A11Y": "none",
        "HOME": SCRATCH,
        "LANG": "C.UTF-8",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "NO_AT_BRIDGE": "1",
        "PATH": "/usr/bin",
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        "XDG_RUNTIME_DIR": SCRATCH,
    }


def window_missing() -> str | None:
    """Why this system cannot show windows, None when it can."""
    try:
        find_engine()
    except SandboxError as error:
        return error.message
    return None


def find_engine() -> str:
    """The program that draws windows. Raises SandboxError ``window_missing`` where WebKitGTK is not installed."""
    real = os.path.realpath(PYTHON)
    folders = [Path("/usr/lib/girepository-1.0"), *Path("/usr/lib").glob("*/girepository-1.0")]
    missing = [name for name in _TYPELIBS if not any((folder / name).is_file() for folder in folders)]
    if not Path(real).is_file() or missing or not _has_gi():
        raise SandboxError(
            "WebKitGTK for the system's Python is not installed", code="window_missing", fix=_INSTALL
        )
    return real


def _has_gi() -> bool:
    return any(
        Path(folder, "gi").is_dir() for folder in ("/usr/lib/python3/dist-packages", *_site_packages(PYTHON))
    )


def _site_packages(interpreter: str) -> tuple[str, ...]:
    name = Path(os.path.realpath(interpreter)).name
    found = (f"/usr/lib/{name}/site-packages", f"/usr/lib64/{name}/site-packages")
    return tuple(path for path in found if Path(path).is_dir())
