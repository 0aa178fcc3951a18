"""Landlock by its three system calls. Own code: the interface is stable and the trust base stays small.

Landlock covers file opens, TCP connect and bind, abstract unix sockets and signals. It does not cover
metadata, UDP, pathname unix sockets, inherited descriptors or the environment: the namespaces and the
launcher do.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

CREATE_RULESET: Final = 444
ADD_RULE: Final = 445
RESTRICT_SELF: Final = 446
MINIMUM_ABI: Final = 2

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15

READ: Final = READ_FILE | READ_DIR
# No app gets a right to execute (`run` is for the window, whose engine has processes of its own, and for the one
# file that a program beside an app is), nor a right to make links, sockets, pipes or devices: what it leaves in its
# folders is plain files and directories.
WRITE: Final = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
DEVICE: Final = READ_FILE | WRITE_FILE
_ON_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

BIND_TCP: Final = 1
CONNECT_TCP: Final = 2
SCOPE_ABSTRACT_UNIX: Final = 1
SCOPE_SIGNAL: Final = 2

_PR_SET_NO_NEW_PRIVS: Final = 38

Access = Literal["read", "write", "device", "run"]
_RIGHTS: Final[dict[str, int]] = {"read": READ, "write": WRITE, "device": DEVICE, "run": READ | EXECUTE}


class Policy(NamedTuple):
    """What stays open: paths (inside the sandbox) with their access, and TCP ports that may be connected
    to.
    """

    paths: tuple[tuple[str, Access], ...]
    connect_ports: tuple[int, ...] = ()


def _syscall(*args: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(*args))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def abi() -> int:
    """The Landlock version of the running kernel, 0 when it has none or has it switched off."""
    try:
        return _syscall(CREATE_RULESET, None, 0, 1)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            return 0
        raise


def handled(version: int) -> tuple[int, int, int]:
    """(file, network, scope) rights that a domain takes away by default under a kernel's version."""
    files = (1 << 13) - 1
    files |= REFER if version >= 2 else 0
    files |= TRUNCATE if version >= 3 else 0
    files |= IOCTL_DEV if version >= 5 else 0
    network = BIND_TCP | CONNECT_TCP if version >= 4 else 0
    scope = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL if version >= 6 else 0
    return files, network, scope


def _ruleset_attr(version: int) -> bytes:
    attr = struct.pack("=QQQ", *handled(version))
    return attr[: 8 if version < 4 else 16 if version < 6 else 24]


def restrict(policy: Policy) -> int:
    """Confine this thread and all it starts to `policy`, for ever. Returns the kernel's Landlock version.

    OSError: the kernel has no usable Landlock, a path of the policy does not exist, or a call failed;
    nothing is confined then and the caller must not go on.
    """
    version = abi()
    if version < MINIMUM_ABI:
        raise OSError(errno.ENOSYS, f"Landlock version {version} is too old, {MINIMUM_ABI} is needed")
    files, network, _ = handled(version)
    attr = _ruleset_attr(version)
    ruleset = _syscall(CREATE_RULESET, ctypes.c_char_p(attr), ctypes.c_size_t(len(attr)), 0)
    try:
        for path, access in policy.paths:
            _allow_path(ruleset, path, _RIGHTS[access] & files)
        if network:
            _allow_ports(ruleset, policy.connect_ports)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        _syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, fd)
        _syscall(ADD_RULE, ruleset, 1, ctypes.c_char_p(rule), 0)
    finally:
        os.close(fd)


def _allow_ports(ruleset: int, ports: Sequence[int]) -> None:
    for port in ports:
        rule = struct.pack("=QQ", CONNECT_TCP, port)
        _syscall(ADD_RULE, ruleset, 2, ctypes.c_char_p(rule), 0)
