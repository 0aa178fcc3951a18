"""Reaching the person's devices and desktop: device nodes, and the sockets of sound server, display and bus."""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH110, PTH208, S108

from __future__ import annotations

import errno
import os
import socket

from .registry import Held, World, probe

_HARMLESS = frozenset({
    "null", "zero", "full", "random", "urandom", "tty", "console", "pts", "ptmx", "shm", "mqueue", "fd", "stdin",
    "stdout", "stderr", "core",
})  # fmt: skip


@probe()
def device_nodes(_world: World) -> None:
    """Any device beside the harmless ones: sound, video, input, disks, graphics."""
    if not set(os.listdir("/dev")) - _HARMLESS:
        raise Held("none is there")


@probe()
def session_folders(_world: World) -> None:
    """The folders where sessions keep the sockets of sound server, display and bus."""
    found = [
        path for path in ("/run/user", "/tmp/.X11-unix", "/run/dbus", "/var/run") if os.path.exists(path)
    ]
    if not found:
        raise Held("none is there")


@probe(essential=True)
def session_sockets(world: World) -> None:
    """A sound server, a display and a bus that stand beside the app, by the paths of their sockets."""
    refused = errno.ENOENT
    for path in (*world["session_sockets"], *world.get("beside", ())):
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(path)
            except OSError as error:
                refused = error.errno or refused
            else:
                return
    raise OSError(refused, "no server of the session was reached")
