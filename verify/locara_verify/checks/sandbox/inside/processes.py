"""Reaching other processes and what the launcher left behind: memory, signals, environment, terminal,
sessions.
"""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import threading
import time

from .registry import Held, World, checked, libc, probe

_PTRACE_SEIZE = 0x4206
_PTRACE_DETACH = 17
_TIOCSCTTY = 0x540E
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_SYS_PIDFD_OPEN = 434
_SYS_PIDFD_GETFD = 438
_SYS_PROCESS_MADVISE = 440


def _victim_file(world: World, name: str) -> bytes:
    with open(f"/proc/{world['victim']}/{name}", "rb") as file:
        return file.read(4096)


@probe()
def env_secret(world: World) -> None:
    """A secret in the launcher's environment."""
    if os.environ.get(world["env_name"]) != world["env_value"]:
        raise Held("not in the environment")


@probe()
def init_environ(world: World) -> None:
    """The same secret in the environment of the process that started this one."""
    with open(f"/proc/{world['parent']}/environ", "rb") as file:
        if str(world["env_value"]).encode() not in file.read():
            raise Held("not in that environment")


@probe()
def init_cmdline(world: World) -> None:
    """Host paths on the command line of process 1 of this namespace, or of the victim where that is
    visible.
    """
    with open("/proc/1/cmdline", "rb") as file:
        if not file.read():
            raise Held("empty")


@probe()
def victim_environ(world: World) -> None:
    """A secret in another process's environment."""
    if str(world["env_value"]).encode() not in _victim_file(world, "environ"):
        raise Held("another process")


@probe()
def victim_cmdline(world: World) -> None:
    """What another program was started with."""
    if str(world["victim_marker"]).encode() not in _victim_file(world, "cmdline"):
        raise Held("another process")


@probe()
def victim_maps(world: World) -> None:
    """Where another process keeps what."""
    if not _victim_file(world, "maps"):
        raise Held("empty")


@probe()
def victim_mem(world: World) -> None:
    """Its memory."""
    start = int(_victim_file(world, "maps").split(b"-", 1)[0], 16)
    with open(f"/proc/{world['victim']}/mem", "rb", 0) as memory:
        memory.seek(start)
        memory.read(4)


@probe()
def see_victim(world: World) -> None:
    """Whether it exists at all."""
    os.getsid(world["victim"])


@probe(essential=True)
def kill_victim(world: World) -> None:
    """Whether it could be ended (signal 0)."""
    os.kill(world["victim"], 0)


@probe()
def signal_everybody(world: World) -> None:
    """Signalling the process group of the launcher."""
    os.killpg(os.getpgid(world["victim"]), 0)


@probe()
def renice_victim(world: World) -> None:
    """Starving it."""
    os.setpriority(os.PRIO_PROCESS, world["victim"], os.getpriority(os.PRIO_PROCESS, world["victim"]))


@probe()
def ptrace_victim(world: World) -> None:
    """Taking it over."""
    checked(libc.ptrace(_PTRACE_SEIZE, world["victim"], 0, 0))
    libc.ptrace(_PTRACE_DETACH, world["victim"], 0, 0)


@probe()
def ptrace_parent(_world: World) -> None:
    """Taking over the parent."""
    parent = os.getppid()
    checked(libc.ptrace(_PTRACE_SEIZE, parent, 0, 0))
    libc.ptrace(_PTRACE_DETACH, parent, 0, 0)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@probe(reached=(errno.EFAULT,))
def process_vm_readv(world: World) -> None:
    """Its memory, by the call made for it. EFAULT means that only the address was wrong."""
    buffer = ctypes.create_string_buffer(4)
    local, remote = _Vector(ctypes.addressof(buffer), 4), _Vector(0x1000, 4)
    checked(libc.process_vm_readv(world["victim"], ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))


@probe()
def pidfd_getfd(world: World) -> None:
    """Its descriptors."""
    pidfd = checked(libc.syscall(_SYS_PIDFD_OPEN, world["victim"], 0))
    checked(libc.syscall(_SYS_PIDFD_GETFD, pidfd, 0, 0))


@probe()
def pidfd_signal(world: World) -> None:
    """A signal past the number, by descriptor."""
    pidfd = os.pidfd_open(world["victim"])
    signal.pidfd_send_signal(pidfd, 0)


@probe()
def kcmp_victim(world: World) -> None:
    """Comparing kernel objects with it."""
    checked(libc.syscall(world["nr_kcmp"], os.getpid(), world["victim"], 2, 0, 0))


def _on_own_terminal(request: int, argument: bytes) -> None:
    main, side = os.openpty()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            fcntl.ioctl(side, _TIOCSCTTY, 0)
            fcntl.ioctl(side, request, argument)
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(main)
    os.close(side)
    if status:
        raise OSError(abs(status), os.strerror(abs(status)))


@probe()
def terminal_input(_world: World) -> None:
    """Typing into a terminal (CVE-2017-5226)."""
    _on_own_terminal(_TIOCSTI, b"x")


def _ioctl(request: int) -> int:
    ctypes.set_errno(0)
    libc.syscall.restype = ctypes.c_long
    result: int = libc.syscall(
        world_nr_ioctl(), ctypes.c_int(0), ctypes.c_ulong(request), ctypes.c_char_p(b"x")
    )
    return result


def world_nr_ioctl() -> int:
    """The number of ioctl on this machine."""
    return 16 if os.uname().machine == "x86_64" else 29


@probe(reached=(errno.ENOTTY, errno.EIO, errno.ENODEV, errno.EINVAL, errno.EBADF))
def tiocsti_filtered(_world: World) -> None:
    """The same request on a stream that is no terminal: the filter must answer before the stream does."""
    checked(_ioctl(_TIOCSTI))


@probe(reached=(errno.ENOTTY, errno.EIO, errno.ENODEV, errno.EINVAL, errno.EBADF))
def tiocsti_high_bits(_world: World) -> None:
    """The same with high bits set, which the kernel ignores (CVE-2019-7303)."""
    checked(_ioctl(_TIOCSTI | 1 << 32))


@probe(reached=(errno.ENOTTY, errno.EIO, errno.ENODEV, errno.EINVAL, errno.EBADF))
def tioclinux_filtered(_world: World) -> None:
    """The console's own way of typing (CVE-2023-28100)."""
    checked(_ioctl(_TIOCLINUX))


@probe()
def share_session(world: World) -> None:
    """Being in the launcher's session, with its terminal. From inside, a session outside has the number 0."""
    if os.getsid(0) != 0 and world["inside"]:
        raise Held("own session")


@probe()
def setuid_root(_world: World) -> None:
    """Becoming root."""
    os.setuid(12345 if os.getuid() == 0 else 0)


@probe()
def setgroups_root(_world: World) -> None:
    """Joining root's group."""
    os.setgroups([0])


@probe()
def chown_to_root(world: World) -> None:
    """Giving a file away."""
    path = f"{world['scratch']}/owned"
    with open(path, "w", encoding="ascii"):
        os.chown(path, 12345, 12345)


@probe(inline=True)
def gain_privileges(_world: World) -> None:
    """Gaining rights by running a set-uid program: no_new_privs must be on."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        if "NoNewPrivs:\t1" in status.read():
            raise Held("no_new_privs")


@probe(inline=True)
def hold_capabilities(_world: World) -> None:
    """Holding any capability, or being able to get one."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        sets = [line.split() for line in status if line.startswith("Cap")]
    if all(int(value, 16) == 0 for _, value in sets):
        raise Held("none")


@probe(inline=True)
def be_host_root(_world: World) -> None:
    """Being the host's root under another number: then root's files seem to be one's own."""
    if os.stat("/usr/lib").st_uid != os.getuid():
        raise Held("an ordinary user")


@probe(inline=True)
def dump_core(_world: World) -> None:
    """Leaving a core file, which a program outside picks up as root."""
    with open("/proc/self/limits", encoding="ascii") as limits:
        line = next(line for line in limits if line.startswith("Max core file size"))
    if line.split()[5] == "0":
        raise Held("no core files")


@probe(allow=True)
def allow_threads(_world: World) -> None:
    """Threads can be started."""
    thread = threading.Thread(target=time.sleep, args=(0,))
    thread.start()
    thread.join()


@probe(allow=True)
def allow_signal_self(_world: World) -> None:
    """A process can signal itself."""
    os.kill(os.getpid(), 0)
