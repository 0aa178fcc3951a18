"""Real https servers on this machine that keep every byte they are sent, and the authority they are trusted by."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.records import dataclass

SECONDS: Final = 20.0
MOST: Final = 1 << 20
LOCAL: Final = "127.0.0.1"

Answers = Callable[[bytes], "bytes | Iterator[bytes]"]
"""All that is sent at once, or one piece after the other."""


def answer(status: int, *fields: str, body: bytes = b"") -> bytes:
    """The bytes of one answer that ends its connection."""
    lines = [f"HTTP/1.1 {status} X", *fields, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@dataclass(slots=True)
class Server:
    """One listener. ``seen`` holds what came, request by request; ``plain`` counts connections that are no TLS;
    ``says_end``: it ends TLS before it ends the connection."""

    name: str
    listener: socket.socket
    context: ssl.SSLContext
    answers: Answers = lambda _request: answer(200, body=b"ordinary")
    seen: list[bytes] = field(default_factory=list)
    plain: int = 0
    says_end: bool = False

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        return int(self.listener.getsockname()[1])

    def url(self, target: str = "/") -> str:
        """An address at this server."""
        return f"https://{self.name}:{self.port}{target}"

    def begin(self) -> None:
        """Start serving, on a thread of its own."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(SECONDS)
        with contextlib.suppress(OSError), client:
            if client.recv(1, socket.MSG_PEEK) != b"\x16":
                self.plain += 1
                return
            with self.context.wrap_socket(client, server_side=True) as line:
                request = _request(line)
                self.seen.append(request)
                said = self.answers(request)
                for piece in (said,) if isinstance(said, bytes) else said:
                    line.sendall(piece)
                if self.says_end:
                    line.unwrap()


def _request(line: ssl.SSLSocket) -> bytes:
    """One request with its body; and whatever came in the same breath."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < MOST:
        piece = line.recv(65_536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for text in head.split(b"\r\n")[1:]:
        name, _, value = text.partition(b":")
        if name.lower() == b"content-length" and value.strip().isdigit():
            length = min(int(value), MOST)
    while len(body) < length:
        piece = line.recv(65_536)
        if not piece:
            break
        data, body = data + piece, body + piece
    return data


@contextlib.contextmanager
def servers(folder: Path, *names: str, ended: bool = False) -> Iterator[tuple[list[Server], Path]]:
    """A server for each name, and the file with the authority that vouches for all of them; ``ended``: until
    yesterday."""
    authority, leaf = certify(folder, names, ended=ended)
    running: list[Server] = []
    try:
        for name in names:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(leaf)
            one = Server(name, socket.create_server((LOCAL, 0), backlog=64), context)
            one.begin()
            running.append(one)
        yield running, authority
    finally:
        for one in running:
            with contextlib.suppress(OSError):
                one.listener.shutdown(socket.SHUT_RDWR)
            one.listener.close()


def certify(folder: Path, names: tuple[str, ...], *, ended: bool = False) -> tuple[Path, Path]:
    """An authority of an hour, and one key with a certificate for all names: two files of PEM. ``ended``: the
    certificate was good until yesterday."""
    from cryptography import x509  # noqa: PLC0415 - only these checks need it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def begun(
        subject: str, public: ec.EllipticCurvePublicKey, until: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("authority of a check"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - datetime.timedelta(hours=2))
            .not_valid_after(until)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    soon = now + datetime.timedelta(hours=1)
    root = begun("authority of a check", root_key.public_key(), soon)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(usage, critical=True)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    leaf = begun("server of a check", key.public_key(), now - datetime.timedelta(days=1) if ended else soon)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    pem = serialization.Encoding.PEM
    authority, own = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(root.sign(root_key, hashes.SHA256()).public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own.write_bytes(secret + leaf.sign(root_key, hashes.SHA256()).public_bytes(pem))
    return authority, own
