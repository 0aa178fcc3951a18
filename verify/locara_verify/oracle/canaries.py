"""Canaries: things outside an app's powers, made so that touching them leaves a trace.

An escape is a physical effect: a token read, a tree changed, a socket connected to, a process signalled.
Every canary here has a positive control (``prove``) which causes the effect on purpose and checks that it is
seen; a canary that does not sing in this run must not be believed when it stays silent.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from locara.records import dataclass

MARK = "LOCARA-CANARY-"


class CanaryError(Exception):
    """A canary's positive control failed: what it would say in this run proves nothing."""


@dataclass(slots=True)
class Tokens:
    """Random secrets by name, and a scanner which finds them in anything that left the sandbox."""

    rng: random.Random
    by_name: dict[str, str] = field(default_factory=dict)
    _needles: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def make(self, name: str) -> str:
        """Make a token; the name says what was read when the token turns up."""
        token = f"{MARK}{self.rng.getrandbits(128):032x}"
        self.by_name[name] = token
        self._needles[name] = tuple(spellings(token))
        return token

    def found(self, data: bytes) -> tuple[str, ...]:
        """Names of the tokens whose bytes occur in ``data``, plain, in base64, hex or UTF-16."""
        if not any(hint in data for hint in HINTS):
            return ()
        return tuple(
            name for name, needles in self._needles.items() if any(needle in data for needle in needles)
        )

    def prove(self) -> None:
        """Show that the scanner finds each token in each spelling."""
        for name, token in self.by_name.items():
            for form in (
                token.encode(),
                base64.b64encode(b"xy" + token.encode()),
                token.encode().hex().encode(),
            ):
                if name not in self.found(b"..." + form + b"..."):
                    raise CanaryError(f"the scanner does not find the token of {name}")


def spellings(token: str) -> Iterator[bytes]:
    """The token as it is, in hexadecimal digits, in UTF-16 and in base64 from each of the three places."""
    raw = token.encode()
    yield raw
    yield raw.hex().encode()
    yield token.encode("utf-16-le")
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        start = (shift * 8 + 5) // 6
        yield encoded[start:-4]


def _hints() -> tuple[bytes, ...]:
    """Short pieces, one of which every spelling of every token has: one quick look before the slow one."""
    raw = MARK.encode()
    shifted = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        shifted.append(encoded[(shift * 8 + 5) // 6 :][:8])
    return (raw, raw.hex().encode(), MARK.encode("utf-16-le"), *shifted)


HINTS = _hints()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree snapshot keeps of one file: kind, rights, owner, links, times and contents."""

    kind: str
    mode: int
    owner: tuple[int, int]
    links: int
    size: int
    modified: int
    changed: int
    digest: str


def snapshot(root: Path, *, times: bool = True) -> dict[str, Entry]:
    """Record every entry below ``root`` without following links; contents by SHA-256."""
    entries: dict[str, Entry] = {}
    for folder, directories, files in os.walk(root):
        for name in [".", *directories, *files] if folder == str(root) else [*directories, *files]:
            path = Path(folder, name)
            state = path.lstat()
            entries[str(path.relative_to(root))] = Entry(
                kind=stat.filemode(state.st_mode)[0],
                mode=stat.S_IMODE(state.st_mode),
                owner=(state.st_uid, state.st_gid),
                links=state.st_nlink,
                size=0 if stat.S_ISDIR(state.st_mode) else state.st_size,
                modified=state.st_mtime_ns if times else 0,
                changed=state.st_ctime_ns if times else 0,
                digest=_contents(path, state.st_mode),
            )
    return entries


def _contents(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"-> {path.readlink()}"
    if not stat.S_ISREG(mode):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> tuple[str, ...]:
    """Sentences saying what differs between two snapshots; empty when nothing does."""
    said = [f"{name} appeared" for name in after if name not in before]
    said += [f"{name} is gone" for name in before if name not in after]
    for name, entry in before.items():
        now = after.get(name)
        if now is not None and now != entry:
            fields = [key for key in Entry.__slots__ if getattr(now, key) != getattr(entry, key)]
            said.append(f"{name} changed in {', '.join(fields)}")
    return tuple(sorted(said))


@dataclass(slots=True)
class Tree:
    """A directory of canary files outside every grant, with a snapshot to compare against."""

    root: Path
    before: dict[str, Entry] = field(default_factory=dict)

    def plant(self, files: Mapping[str, str]) -> None:
        """Write the files and take the snapshot."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.mark()

    def mark(self) -> None:
        """Take the snapshot anew."""
        self.before = snapshot(self.root)

    def changes(self) -> tuple[str, ...]:
        """What changed since the snapshot."""
        return differences(self.before, snapshot(self.root))

    def prove(self) -> None:
        """Show that a write, a new file and a change of rights are each seen, then put everything back."""
        probe = self.root / "control"
        probe.write_text("x", encoding="utf-8")
        self.mark()
        for act in (
            lambda: probe.write_text("y", encoding="utf-8"),
            lambda: probe.chmod(0o600),
            probe.unlink,
        ):
            before = self.changes()
            act()
            if self.changes() == before:
                raise CanaryError(f"a change below {self.root.name} was not seen")
        self.mark()


@contextmanager
def environment_secret(token: str, name: str = "LOCARA_VERIFY_SECRET") -> Iterator[str]:
    """Hold a secret in this process's environment while an app starts; proven by an ordinary child."""
    before = os.environ.get(name)
    os.environ[name] = token
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import os; print(os.environ[{name!r}])"],
            capture_output=True,
            text=True,
            check=True,
        )
        if child.stdout.strip() != token:
            raise CanaryError("an ordinary child process does not see the secret in its environment")
        yield name
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@dataclass(slots=True)
class Victim:
    """An innocent process of the same user: it must be alive, unsignalled, when the attack is over."""

    process: subprocess.Popen[bytes]
    stopped: bool = False

    @classmethod
    def start(cls, owner: int | None = None) -> Victim:
        """Start one; ``owner`` is the uid the sandboxed app runs as, so that only the sandbox protects it."""
        # A shell that waits for the end of its input: every user can run it, wherever this interpreter lies. In a group
        # of its own it hears the signals of a terminal, too, which stop nobody whose whole group was left alone.
        waits = ["/bin/sh", "-c", "read nothing"]
        return cls(subprocess.Popen(waits, stdin=subprocess.PIPE, user=owner, process_group=0))

    @property
    def pid(self) -> int:
        """The process id to attack."""
        return self.process.pid

    def alive(self) -> bool:
        """Tell whether it still runs, and was never stopped."""
        if self.process.poll() is None and os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)[0]:
            self.stopped = True
        return self.process.poll() is None and not self.stopped

    def close(self) -> None:
        """End it, stopped or not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=30)

    @classmethod
    def prove(cls) -> None:
        """Show that a signalled victim is seen to be gone."""
        victim = cls.start()
        victim.process.send_signal(signal.SIGTERM)
        victim.process.wait(timeout=30)
        if victim.alive():
            raise CanaryError("a victim that was ended is still reported alive")
        victim.close()


def read_logs(paths: Iterable[Path]) -> bytes:
    """Join the contents of log files, or of every file below a directory; what is missing counts as empty."""
    parts: list[bytes] = []
    for path in paths:
        if path.is_dir():
            files = (item for item in sorted(path.rglob("*")) if item.is_file() and not item.is_symlink())
            parts.extend(item.read_bytes() for item in files)
        elif path.is_file():
            parts.append(path.read_bytes())
    return b"\n".join(parts)
