"""Reaching the network or a socket of another program."""

# What is tested is the system call itself, so it is made without pathlib in between.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

from .registry import Held, World, checked, libc, probe

_AF_ALG = 38
_AF_TIPC = 30
_AF_BLUETOOTH = 31
_MSG_FASTOPEN = 0x20000000
_SECONDS = 0.5


def _hello(sock: socket.socket, address: object) -> None:
    with sock:
        sock.settimeout(_SECONDS)
        sock.connect(address)  # type: ignore[arg-type]
        sock.sendall(b"canary")


def _answered(sock: socket.socket) -> None:
    sock.settimeout(_SECONDS)
    try:
        sock.recv(16)
    except TimeoutError as error:
        raise Held("lost") from error


@probe(essential=True)
def tcp_loopback(world: World) -> None:
    """A server on this machine, over IPv4."""
    _hello(socket.socket(), ("127.0.0.1", world["tcp"]))


@probe()
def tcp_loopback6(world: World) -> None:
    """The same over IPv6."""
    _hello(socket.socket(socket.AF_INET6), ("::1", world["tcp6"]))


@probe()
def tcp_mapped(world: World) -> None:
    """The IPv4 server, through an IPv6 socket and a mapped address."""
    _hello(socket.socket(socket.AF_INET6), ("::ffff:127.0.0.1", world["tcp"]))


@probe(reached=(errno.EINPROGRESS,))
def tcp_fast_open(world: World) -> None:
    """Connecting and sending in one call, which is another path through the kernel."""
    with socket.socket() as sock:
        sock.settimeout(_SECONDS)
        sock.sendto(b"canary", _MSG_FASTOPEN, ("127.0.0.1", world["tcp"]))


@probe()
def tcp_bind(_world: World) -> None:
    """Offering a service."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()


@probe()
def mptcp(_world: World) -> None:
    """TCP under another protocol number, which address filters have missed before."""
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()


@probe(essential=True)
def udp_loopback(world: World) -> None:
    """A datagram to this machine. Landlock does not cover UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"canary", ("127.0.0.1", world["udp"]))
        _answered(sock)


@probe()
def udp_connected(world: World) -> None:
    """A name lookup's shape of datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", world["udp"]))
        sock.send(b"canary")
        _answered(sock)


@probe()
def udp_bind(_world: World) -> None:
    """Listening for datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))


@probe(essential=True, reached=(errno.EPIPE, errno.ECONNRESET))
def abstract_unix(world: World) -> None:
    """A program's socket without a path."""
    _hello(socket.socket(socket.AF_UNIX), "\0" + world["abstract"])


@probe(essential=True, reached=(errno.EPIPE, errno.ECONNRESET))
def path_unix(world: World) -> None:
    """A program's socket with a path: what desktop services and container daemons listen on."""
    _hello(socket.socket(socket.AF_UNIX), world["unix_path"])


@probe()
def datagram_unix(world: World) -> None:
    """A datagram to such a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"canary", world["unix_datagram_path"])


@probe()
def make_unix_socket(_world: World) -> None:
    """Making a unix socket at all, the first step of all of these."""
    socket.socket(socket.AF_UNIX).close()


@probe()
def raw_socket(_world: World) -> None:
    """Writing packets by hand."""
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()


@probe()
def ping_socket(_world: World) -> None:
    """An echo socket, which some systems give to everybody."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).close()


@probe()
def packet_socket(_world: World) -> None:
    """Reading every packet."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300).close()


@probe()
def netlink(_world: World) -> None:
    """Talking to the kernel about interfaces, routes and devices."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.bind((0, 0))


@probe()
def vsock(_world: World) -> None:
    """A socket to the hypervisor, outside every network namespace. Only made, never connected."""
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@probe()
def alg_socket(_world: World) -> None:
    """The kernel's crypto code , a frequent way in."""
    socket.socket(_AF_ALG, socket.SOCK_SEQPACKET).close()


@probe()
def tipc_pair(_world: World) -> None:
    """A pair of a family that nobody needs."""
    fds = (ctypes.c_int * 2)()
    checked(libc.socketpair(_AF_TIPC, socket.SOCK_SEQPACKET, 0, fds))


@probe()
def bluetooth(_world: World) -> None:
    """Radio."""
    socket.socket(_AF_BLUETOOTH, socket.SOCK_RAW, 1).close()


@probe()
def family_high_bits(_world: World) -> None:
    """A family with high bits set in the register: a filter that compares 64 bits would let it pass."""
    number = 41 if os.uname().machine == "x86_64" else 198
    libc.syscall.restype = ctypes.c_long
    family = ctypes.c_ulong(socket.AF_NETLINK | 1 << 32)
    checked(libc.syscall(number, family, ctypes.c_ulong(socket.SOCK_RAW), ctypes.c_ulong(0)))


@probe()
def resolve_name(_world: World) -> None:
    """Looking a name up, with the host's own files or servers."""
    with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
        file.read()


@probe(inline=True)
def see_interfaces(_world: World) -> None:
    """The host's network interfaces."""
    with open("/proc/self/net/dev", encoding="ascii", errors="replace") as file:
        names = {line.split(":")[0].strip() for line in file if ":" in line}
    if names <= {"lo"}:
        raise Held("only loopback")


@probe(inline=True)
def see_connections(world: World) -> None:
    """The sockets of other programs."""
    with open("/proc/self/net/unix", encoding="ascii", errors="replace") as file:
        if "@" + world["abstract"] not in file.read():
            raise Held("not listed")


@probe()
def shared_memory(world: World) -> None:
    """A memory segment other programs share."""
    checked(libc.shmget(world["shm_key"], 0, 0))


@probe()
def message_queue(world: World) -> None:
    """A message queue other programs share."""
    checked(libc.msgget(world["msg_key"], 0))


@probe(inline=True)
def host_name(world: World) -> None:
    """The machine's name."""
    if os.uname().nodename != world["host_name"]:
        raise Held("another name")


@probe(reached=(errno.EINVAL,))
def set_host_name(world: World) -> None:
    """Changing it (to what it is)."""
    name = os.uname().nodename.encode()
    checked(libc.sethostname(name, len(name)))


@probe(allow=True)
def allow_socket_pair(_world: World) -> None:
    """A pair of connected sockets, as asyncio makes."""
    left, right = socket.socketpair()
    with left, right:
        left.sendall(struct.pack("I", 1))
        right.recv(4)
