"""Kernel interfaces with a record of escapes: namespaces, mounts, modules, keyrings, tracing, devices,
clocks.
"""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH208

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct

from .registry import Held, World, checked, libc, probe

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CLONE_NEWNS = 0x00020000
_SIGCHLD = 17
_MS_REMOUNT_BIND = 32 | 4096


def _nr(x86_64: int, aarch64: int) -> int:
    return x86_64 if os.uname().machine == "x86_64" else aarch64


def _syscall(number: int, *args: object) -> int:
    return checked(libc.syscall(number, *args))


@probe()
def unshare_user(_world: World) -> None:
    """A user namespace of one's own, where one is root: the start of most kernel exploits."""
    checked(libc.unshare(_CLONE_NEWUSER))


@probe()
def unshare_net(_world: World) -> None:
    """A network namespace."""
    checked(libc.unshare(_CLONE_NEWNET))


@probe()
def unshare_mount(_world: World) -> None:
    """A mount namespace."""
    checked(libc.unshare(_CLONE_NEWNS))


@probe()
def clone_user(_world: World) -> None:
    """A child in a user namespace, by clone."""
    child = _syscall(_nr(56, 220), _CLONE_NEWUSER | _SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@probe()
def clone3_user(_world: World) -> None:
    """The same by clone3, whose flags a filter cannot read."""
    args = ctypes.create_string_buffer(
        struct.pack("=11Q", _CLONE_NEWUSER, 0, 0, 0, _SIGCHLD, 0, 0, 0, 0, 0, 0)
    )
    child = _syscall(435, args, 88)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@probe()
def setns_victim(world: World) -> None:
    """Entering another process's network."""
    fd = os.open(f"/proc/{world['victim']}/ns/net", os.O_RDONLY)
    checked(libc.setns(fd, 0))


@probe()
def mount_tmpfs(world: World) -> None:
    """Mounting over the app's folder."""
    target = str(world["scratch"]).encode()
    checked(libc.mount(b"none", target, b"tmpfs", 0, None))
    libc.umount2(target, 2)


@probe()
def remount_writable(_world: World) -> None:
    """Making the system's code writable."""
    checked(libc.mount(b"none", b"/", None, _MS_REMOUNT_BIND, None))


@probe(reached=(errno.EINVAL,))
def umount(world: World) -> None:
    """Unmounting; the folder is no mount point, so only the right is tried."""
    checked(libc.umount2(str(world["scratch"]).encode(), 2))


@probe(reached=(errno.EINVAL, errno.ENOENT))
def open_tree(_world: World) -> None:
    """The newer way to clone a mount (CVE-2021-41133)."""
    _syscall(428, -100, ctypes.c_char_p(b"/usr/lib"), 1)


@probe(reached=(errno.EINVAL, errno.EBADF, errno.ENOENT, errno.EFAULT))
def move_mount(_world: World) -> None:
    """The newer way to attach one."""
    _syscall(429, -1, ctypes.c_char_p(b""), -1, ctypes.c_char_p(b""), 4)


@probe()
def fsopen(_world: World) -> None:
    """The newer way to make a file system."""
    _syscall(430, ctypes.c_char_p(b"tmpfs"), 0)


@probe(reached=(errno.EINVAL, errno.ENOENT))
def mount_setattr(_world: World) -> None:
    """The newer way to lift read-only."""
    _syscall(442, -100, ctypes.c_char_p(b"/usr/lib"), 0, ctypes.create_string_buffer(32), 32)


@probe(reached=(errno.EINVAL, errno.EFAULT, errno.ENOENT))
def statmount(_world: World) -> None:
    """Reading the mount table by number."""
    _syscall(458, ctypes.create_string_buffer(struct.pack("=IIQQ", 24, 0, 2**64 - 1, 0)), 0, 0, 0)


@probe(reached=(errno.ENOENT, errno.EINVAL))
def pivot_root(_world: World) -> None:
    """Changing the root of everything."""
    _syscall(_nr(155, 41), ctypes.c_char_p(b"/nonexistent"), ctypes.c_char_p(b"/nonexistent"))


@probe()
def chroot(world: World) -> None:
    """Changing one's own root, from which a climb leads out."""
    os.chroot(world["scratch"])


@probe()
def io_uring(_world: World) -> None:
    """A second system call interface that no filter sees."""
    _syscall(425, 4, ctypes.create_string_buffer(120))


@probe(reached=(errno.EFAULT, errno.EINVAL))
def aio(_world: World) -> None:
    """The older one."""
    _syscall(_nr(206, 0), 1, ctypes.byref(ctypes.c_ulong(0)))


@probe(reached=(errno.EFAULT, errno.EINVAL, errno.E2BIG))
def bpf(_world: World) -> None:
    """Loading code into the kernel."""
    _syscall(_nr(321, 280), 5, ctypes.create_string_buffer(128), 128)


@probe()
def perf_event(_world: World) -> None:
    """Watching the processor."""
    attr = ctypes.create_string_buffer(struct.pack("IIQ", 1, 112, 0) + b"\0" * 112)
    _syscall(_nr(298, 241), attr, 0, -1, -1, 0)


@probe()
def userfaultfd(_world: World) -> None:
    """Holding the kernel still in the middle of a copy."""
    _syscall(_nr(323, 282), 1)


@probe()
def keyctl_session(_world: World) -> None:
    """The person's keyring, which no namespace covers."""
    _syscall(_nr(250, 219), 0, -3, 0, 0, 0)


@probe()
def add_key(_world: World) -> None:
    """Putting a key there."""
    _syscall(
        _nr(248, 217),
        ctypes.c_char_p(b"user"),
        ctypes.c_char_p(b"locara-probe"),
        ctypes.c_char_p(b"v"),
        1,
        -2,
    )


@probe(reached=(errno.ENOKEY,))
def request_key(_world: World) -> None:
    """Asking a program outside for a key."""
    none = ctypes.c_char_p(b"locara-none")
    _syscall(_nr(249, 218), ctypes.c_char_p(b"user"), none, None, 0)


@probe(reached=(errno.EINVAL, errno.EFAULT, errno.ENOEXEC))
def init_module(_world: World) -> None:
    """Loading a kernel module."""
    _syscall(_nr(175, 105), ctypes.create_string_buffer(8), 0, ctypes.c_char_p(b""))


@probe(reached=(errno.EINVAL, errno.EADDRNOTAVAIL))
def kexec(_world: World) -> None:
    """Loading another kernel (no segments, an unknown flag)."""
    _syscall(_nr(246, 104), 0, 0, 0, 0x7FFF)


@probe(reached=(errno.EINVAL,))
def reboot(_world: World) -> None:
    """Restarting the machine (with a wrong magic number)."""
    _syscall(_nr(169, 142), 0, 0, 0, 0)


@probe(reached=(errno.ENOENT, errno.EINVAL))
def swapon(_world: World) -> None:
    """Taking a file as memory."""
    _syscall(_nr(167, 224), ctypes.c_char_p(b"/nonexistent"), 0)


@probe(reached=(errno.ENOENT,))
def accounting(_world: World) -> None:
    """Writing down every process."""
    _syscall(_nr(163, 89), ctypes.c_char_p(b"/nonexistent"))


@probe()
def set_clock(_world: World) -> None:
    """Setting the clock (to nothing)."""
    _syscall(_nr(164, 170), None, None)


@probe()
def kernel_log(_world: World) -> None:
    """The kernel's log, which holds addresses."""
    checked(libc.klogctl(10, None, 0))


@probe()
def change_personality(_world: World) -> None:
    """Switching address randomisation off."""
    _syscall(_nr(135, 92), 0x0040000)


@probe()
def modify_ldt(_world: World) -> None:
    """Segment tables, a frequent source of kernel faults."""
    _syscall(_nr(154, 9999), 0, ctypes.create_string_buffer(64), 64)


@probe(reached=(errno.EINVAL, errno.EFAULT))
def mount_by_new_call(_world: World) -> None:
    """A call newer than the filter: open_tree_attr, number 467."""
    _syscall(467, -100, ctypes.c_char_p(b"/usr/lib"), 0, 0, 0)


@probe()
def foreign_table(_world: World) -> None:
    """The 32-bit table of the same kernel, where every number means something else: getpid by int 0x80."""
    if os.uname().machine != "x86_64":
        raise OSError(errno.ENOSYS, "another processor")
    import mmap  # noqa: PLC0415 - only this probe makes code

    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3")  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    if call() <= 0:
        raise OSError(errno.ENOSYS, "no 32-bit table")


@probe()
def x32_table(_world: World) -> None:
    """The x32 numbers of getpid."""
    _syscall(0x40000000 | 39)


@probe()
def open_disk(world: World) -> None:
    """The disk, under every file."""
    os.close(os.open(world["disk"], os.O_RDONLY))


@probe()
def open_kmsg(_world: World) -> None:
    """The kernel's log device."""
    os.close(os.open("/dev/kmsg", os.O_RDONLY))


@probe()
def open_fuse(_world: World) -> None:
    """Serving a file system of one's own."""
    os.close(os.open("/dev/fuse", os.O_RDWR))


@probe()
def open_terminal_master(_world: World) -> None:
    """A new terminal of the host."""
    os.close(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))


@probe()
def write_sysctl(_world: World) -> None:
    """The kernel's own switches: which program picks up core files (opened, never written)."""
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_RDWR))


@probe()
def read_sysctl(_world: World) -> None:
    """Reading one, which tells the machine apart."""
    os.close(os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY))


@probe(inline=True)
def write_own_process(_world: World) -> None:
    """What the kernel lets a process say of itself: what of its memory a crash writes out."""
    os.close(os.open("/proc/self/coredump_filter", os.O_RDWR))


@probe()
def read_machine(world: World) -> None:
    """Numbers of the whole machine, by which the work and the keys of others are timed."""
    for path in world["machine_files"]:
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            return
    raise Held("none of them opens")


@probe()
def write_cgroup(world: World) -> None:
    """The limits of other processes."""
    os.close(os.open(world["cgroup_file"], os.O_RDWR))


@probe()
def read_sys(_world: World) -> None:
    """The machine's devices and serial numbers."""
    os.listdir("/sys/class")
