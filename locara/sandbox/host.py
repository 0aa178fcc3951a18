"""What this host can enforce, and what to say when it cannot. Used by `locara doctor` and by a failed
start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.linux import landlock
from locara.sandbox.linux.identity import ordinary_identity
from locara.sandbox.linux.kernel_text import kernel_text

_INSTALL: Final = (
    "install bubblewrap (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"
)
_APPARMOR: Final = (
    "allow user namespaces to bubblewrap: install the AppArmor profile bwrap-userns-restrict "
    "(package apparmor-profiles), or set kernel.apparmor_restrict_unprivileged_userns=0"
)
_USERNS: Final = (
    "allow unprivileged user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone)"
)
SEARCH: Final = "/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer on this host: `missing` is None when it works, else why it does not; `fix` is what to do."""

    name: str
    found: str
    missing: str | None = None
    fix: str | None = None
    code: str = "layer_missing"


def find_bwrap(search: str = SEARCH) -> str:
    """The absolute path of bubblewrap, looked up in system directories and never in PATH. SandboxError
    bwrap_missing.
    """
    program = shutil.which("bwrap", path=search)
    if program is None:
        raise SandboxError(
            "bubblewrap is not installed: the namespaces layer is missing", code="bwrap_missing", fix=_INSTALL
        )
    return program


def layers() -> tuple[Layer, ...]:
    """Every layer with its state; runs bubblewrap once."""
    return (_bubblewrap(), _landlock(), _seccomp())


def explain_failure() -> SandboxError:
    """Why a start ended before the first program inside could report: the first missing layer, else the
    start itself.
    """
    for layer in layers():
        if layer.missing is not None:
            return SandboxError(layer.missing, code=layer.code, fix=layer.fix)
    return SandboxError(
        "bubblewrap ended before the sandbox was ready",
        code="launch_failed",
        fix="see the app's error output",
    )


def _bubblewrap() -> Layer:
    try:
        program = find_bwrap()
    except SandboxError as error:
        return Layer("namespaces", "no bubblewrap", error.message, error.fix, error.code)
    who = ordinary_identity(os.getuid(), os.environ)
    as_user = {} if who is None else {"user": who.uid, "group": who.gid, "extra_groups": []}
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, env={}
    ).stdout.strip()
    trial = subprocess.run(
        [program, "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "/bin/true"],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd="/",
        **as_user,  # type: ignore[call-overload]
    )
    if trial.returncode == 0:
        helped = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, env={})
        if "--bind-fd" not in helped.stdout + helped.stderr:
            return Layer("namespaces", version, f"{version} cannot bind by descriptor", "update bubblewrap")
        return Layer("namespaces", version)
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    by_apparmor = kernel_text(restricted).strip() == "1"
    return explain_bwrap(version, trial.stderr.strip(), by_apparmor=by_apparmor)


def explain_bwrap(version: str, said: str, *, by_apparmor: bool) -> Layer:
    """What a bubblewrap that ended at once means, from its own words."""
    said = said.removeprefix("bwrap: ") or "it ended without a word"
    if "uid map" in said or "namespace" in said:
        fix = _APPARMOR if by_apparmor else _USERNS
        return Layer("namespaces", version, f"this host denies user namespaces: {said}", fix, "userns_denied")
    return Layer("namespaces", version, f"bubblewrap does not work here: {said}", _INSTALL)


def _landlock() -> Layer:
    version = landlock.abi()
    if version >= landlock.MINIMUM_ABI:
        return Layer("landlock", f"version {version}")
    return Layer(
        "landlock",
        f"version {version}" if version else "none",
        f"this kernel's Landlock is missing or too old (version {version}, {landlock.MINIMUM_ABI} is needed)",
        "use a kernel of 5.19 or later with landlock in its lsm= list",
        "landlock_unsupported",
    )


def _seccomp() -> Layer:
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    if "kill_process" in kernel_text(actions):
        return Layer("seccomp", "filter mode")
    return Layer(
        "seccomp",
        "none",
        "this kernel has no seccomp filters",
        "use a kernel built with CONFIG_SECCOMP_FILTER",
    )
