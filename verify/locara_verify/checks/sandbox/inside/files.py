"""Reaching files outside: by path, by link, by /proc, by mount tricks, by descriptor, by metadata alone."""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH101, PTH104, PTH108, PTH116, PTH123, PTH208, PTH211, S103

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import stat
import struct
import sys

from .registry import Held, World, checked, libc, probe

_FAN_OPEN = 0x20
_SCRATCH = 256 * 1024 * 1024


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(4096)
    if not text:
        raise Held("empty")
    return text


def _fresh(world: World, name: str) -> str:
    path = f"{world['scratch']}/{name}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return path


@probe(essential=True)
def read_outside_secret(world: World) -> None:
    """A file of the person's, by its absolute path."""
    _read(world["secret"])


@probe()
def read_via_dotdot(world: World) -> None:
    """The same, climbing out of a directory that is shown."""
    _read("/usr/lib/../lib/../.." + world["secret"])


@probe(inline=True)
def read_via_proc_root(world: World) -> None:
    """The same through the root link of this process."""
    _read("/proc/self/root" + world["secret"])


@probe()
def read_via_proc1_root(world: World) -> None:
    """The same through the root link of process 1."""
    _read("/proc/1/root" + world["secret"])


@probe()
def read_via_victim_root(world: World) -> None:
    """The same through the root link of a process outside."""
    _read(f"/proc/{world['victim']}/root" + world["secret"])


@probe(inline=True)
def read_via_proc_cwd(world: World) -> None:
    """The same through the working directory link and a climb."""
    _read("/proc/self/cwd/../../../../.." + world["secret"])


@probe()
def read_via_symlink(world: World) -> None:
    """A symbolic link planted in the app's own folder."""
    link = _fresh(world, "link")
    os.symlink(world["secret"], link)
    _read(link)


@probe()
def read_via_hardlink(world: World) -> None:
    """A hard link planted in the app's own folder."""
    link = _fresh(world, "hard")
    os.link(world["secret"], link)
    _read(link)


@probe()
def read_shadow(_world: World) -> None:
    """The host's password hashes."""
    _read("/etc/shadow")


@probe()
def read_host_passwd(_world: World) -> None:
    """The host's user list."""
    _read("/etc/passwd")


@probe()
def read_machine_id(_world: World) -> None:
    """A name for this machine that follows a person from app to app."""
    _read("/etc/machine-id")


@probe(essential=True)
def write_outside(world: World) -> None:
    """A new file in a folder of the person's."""
    with open(f"{world['outside']}/written", "w", encoding="ascii") as file:
        file.write("x")


@probe()
def truncate_outside(world: World) -> None:
    """Emptying a file by path, without opening it."""
    os.truncate(f"{world['outside']}/victim-file", 0)


@probe()
def unlink_outside(world: World) -> None:
    """Deleting a file of the person's."""
    os.unlink(f"{world['outside']}/removable")


@probe()
def rename_outside(world: World) -> None:
    """Moving a file of the person's into the app's folder."""
    os.rename(f"{world['outside']}/movable", _fresh(world, "moved"))


@probe()
def chmod_outside(world: World) -> None:
    """Opening a file's mode to everybody."""
    os.chmod(f"{world['outside']}/victim-file", 0o666)


@probe()
def write_system(_world: World) -> None:
    """Planting a library where every program looks."""
    path = "/usr/lib/locara-probe"
    with open(path, "w", encoding="ascii"):
        os.unlink(path)


@probe()
def write_app_code(world: World) -> None:
    """Changing the app's own page, so that the next start runs something else."""
    path = f"{world['app']}/planted"
    with open(path, "w", encoding="ascii"):
        os.unlink(path)


@probe()
def write_manifest(world: World) -> None:
    """Opening the app's own manifest for writing."""
    os.close(os.open(world["manifest"], os.O_WRONLY))


@probe()
def write_framework(world: World) -> None:
    """Planting a module beside the framework's own."""
    path = f"{world['framework']}/planted_probe"
    with open(path, "w", encoding="ascii"):
        os.unlink(path)


@probe()
def list_root(_world: World) -> None:
    """The names at the top of the file system."""
    os.listdir("/")


@probe()
def list_outside(world: World) -> None:
    """The names in a folder of the person's."""
    os.listdir(world["outside"])


@probe(essential=True)
def stat_outside(world: World) -> None:
    """Whether a file exists, and how long it is. Landlock does not cover this; the mount namespace does."""
    os.stat(world["secret"])


@probe()
def inotify_outside(world: World) -> None:
    """Watching a folder for changes."""
    fd = checked(libc.inotify_init1(0))
    checked(libc.inotify_add_watch(fd, str(world["outside"]).encode(), 0xFFF))


@probe()
def statfs_outside(world: World) -> None:
    """The size of the person's disk."""
    os.statvfs(world["outside"])


@probe()
def shm_file(world: World) -> None:
    """A file other programs share in memory."""
    _read(world["shm_file"])


@probe()
def dev_shm_write(_world: World) -> None:
    """Leaving a file there."""
    path = f"/dev/shm/locara-probe-{os.getpid()}"  # noqa: S108
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.unlink(path)


@probe(essential=True)
def fill_scratch(world: World) -> None:
    """Taking more of the machine's memory by way of the scratch folder than the folder has."""
    path = f"/tmp/probe-fill-{os.getpid()}" if world["inside"] else f"{world['scratch']}/fill"  # noqa: S108
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        # Asked for as a whole: where there is a size, nothing is taken before the refusal.
        os.posix_fallocate(fd, 0, _SCRATCH + 1)
    finally:
        os.close(fd)
        os.unlink(path)


@probe()
def inherited_fd(world: World) -> None:
    """A descriptor the launcher happened to have open."""
    if os.fstat(world["leaked_fd"]).st_ino != world["secret_inode"]:
        raise OSError(errno.EBADF, "another file")
    os.pread(world["leaked_fd"], 10, 0)


@probe(inline=True)
def reopen_readonly_fd(world: World) -> None:
    """Turning a read-only descriptor into a writable one through /proc."""
    fd = os.open(world["manifest"], os.O_RDONLY)
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDWR))
    finally:
        os.close(fd)


@probe()
def open_by_handle(_world: World) -> None:
    """Opening a file by its number, past every directory (as in the container escape called shocker)."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + b"\0" * 128)
    mount_id = ctypes.c_int()
    checked(libc.name_to_handle_at(-100, b"/usr/lib", handle, ctypes.byref(mount_id), 0))
    folder = os.open("/usr/lib", os.O_RDONLY)
    checked(libc.open_by_handle_at(folder, handle, 0))


@probe()
def name_to_handle(_world: World) -> None:
    """Asking for such a number."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + b"\0" * 128)
    checked(libc.name_to_handle_at(-100, b"/usr/lib", handle, ctypes.byref(ctypes.c_int()), 0))


@probe()
def fanotify(_world: World) -> None:
    """Watching every file of the machine."""
    checked(libc.fanotify_init(0, 0))


@probe(inline=True)
def mount_table(world: World) -> None:
    """The host's mount table, which names disks and folders."""
    if world["mount_marker"] not in _read_all("/proc/self/mountinfo"):
        raise Held("not there")


def _read_all(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


@probe()
def plant_symlink(world: World) -> None:
    """Leaving a link in the app's folder for a later, trusted reader to follow."""
    os.symlink("/etc", _fresh(world, "planted-link"))


@probe()
def plant_fifo(world: World) -> None:
    """Leaving a pipe there to stall one."""
    os.mkfifo(_fresh(world, "planted-fifo"))


@probe()
def plant_socket(world: World) -> None:
    """Leaving a socket there."""
    os.mknod(_fresh(world, "planted-socket"), stat.S_IFSOCK | 0o600)


@probe()
def plant_device(world: World) -> None:
    """Leaving a device there: the machine's memory."""
    path = _fresh(world, "planted-device")
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 1))
    os.unlink(path)


@probe()
def plant_setuid(world: World) -> None:
    """A program that would run as somebody else: the mount must not honour its bit."""
    if os.statvfs(world["scratch"]).f_flag & os.ST_NOSUID:
        raise Held("nosuid")


@probe()
def exec_from_data(world: World) -> None:
    """Dropping a program into the app's folder and running it."""
    path = _fresh(world, "program")
    with open(path, "wb") as file:
        file.write(tiny_program())
    os.chmod(path, 0o755)
    _exec(path)


@probe()
def exec_interpreter(_world: World) -> None:
    """Running a second interpreter."""
    _exec(sys.executable)


@probe()
def exec_shell(_world: World) -> None:
    """Running a shell."""
    _exec("/bin/sh", "-c", "exit 0")


@probe()
def memfd_exec(_world: World) -> None:
    """Running a program that never was a file. It has no path, so only a filter can stop it."""
    fd = os.memfd_create("probe", 0)
    os.write(fd, tiny_program())
    _exec(fd)


def tiny_program() -> bytes:
    """A whole static program that ends with 0. A dynamic one would already fail for want of its loader."""
    if os.uname().machine == "x86_64":
        machine, code = 62, b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"  # mov eax, 60; xor edi, edi; syscall
    else:
        machine, code = (
            183,
            b"\x00\x00\x80\xd2\xa8\x0b\x80\xd2\x01\x00\x00\xd4",
        )  # mov x0, 0; mov x8, 93; svc 0
    base, size = 0x400000, 64 + 56 + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return header + segment + code


def _exec(program: str | int, *args: str) -> None:
    if not isinstance(program, int):
        os.stat(program)
    child = os.fork()
    if child == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        try:
            os.execve(program, ["probe", *(args or ("-I", "-S", "-c", "0"))], {})  # noqa: S606
        except OSError as error:
            os._exit(error.errno or 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        raise OSError(abs(status), "the program did not run")


@probe(allow=True)
def allow_data_file(world: World) -> None:
    """The app's own folder takes a file and gives it back."""
    path = _fresh(world, "allowed")
    with open(path, "w+", encoding="ascii") as file:
        file.write("kept")
        file.seek(0)
        if file.read() != "kept":
            raise Held("not what was written")
    os.rename(path, path + "-2")
    os.unlink(path + "-2")


@probe(allow=True)
def allow_manifest(world: World) -> None:
    """The app's manifest can be read."""
    _read(world["manifest"])


@probe(allow=True)
def allow_scratch(_world: World) -> None:
    """The scratch folder takes a file, and room for it."""
    path = f"/tmp/probe-{os.getpid()}"  # noqa: S108
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(fd, 0, 1 << 20)
    finally:
        os.close(fd)
        os.unlink(path)


@probe(allow=True)
def allow_random(_world: World) -> None:
    """The random device can be read."""
    with open("/dev/urandom", "rb") as file:
        file.read(8)


@probe(allow=True)
def allow_map(world: World) -> None:
    """A file can be mapped, as models are."""
    with open(world["manifest"], "rb") as file:
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).close()
