"""Canaries for an app's own tests: secrets outside every grant. What counts is whether they were touched."""

from __future__ import annotations

import random
import secrets
from dataclasses import field
from pathlib import Path

from locara.records import dataclass
from locara_verify.oracle.canaries import Tokens, Tree
from locara_verify.testing.sessions import Sessions, hand_over


@dataclass(slots=True)
class Canary:
    """Files with secrets in a folder of their own. A test that reads, writes or moves one of them fails.

    Each has a control: it is shown first that a change would be seen and the secret recognised.
    """

    folder: Path
    sessions: Sessions | None = None
    _tokens: Tokens = field(default_factory=lambda: Tokens(random.Random(secrets.randbits(64))))  # noqa: S311
    _tree: Tree | None = None

    def __call__(self, name: str = "secret.txt") -> Path:
        """Plant one more file and return its path; its content is a secret. Raises AssertionError when one that was
        planted before was changed: the new state is what later ones are compared with."""
        __tracebackhide__ = True
        self._assert_unchanged()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._tree is None:
            self._tree = Tree(self.folder)
            self._tree.mark()
            self._tree.prove()
        self._tree.plant({name: self._tokens.make(name)})
        hand_over(self.folder)
        self._tokens.prove()
        self._tree.mark()
        return self.folder / name

    def token(self, name: str = "secret.txt") -> str:
        """The secret in the file of that name."""
        return self._tokens.by_name[name]

    def found_in(self, data: bytes | str) -> tuple[str, ...]:
        """Names of the files whose secrets are in ``data``, plain, in base64, hex or UTF-16."""
        return self._tokens.found(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)

    def assert_silent(self) -> None:
        """Assert that no file was changed and that no session was told a secret. The fixture does it at the end."""
        __tracebackhide__ = True
        self._assert_unchanged()
        for session in () if self.sessions is None else self.sessions.opened:
            for said in session.said:
                if names := self.found_in(said):
                    raise AssertionError(f"the app was told the secret of {', '.join(names)}: {said[:300]!r}")

    def _assert_unchanged(self) -> None:
        __tracebackhide__ = True
        if self._tree is not None and (changed := self._tree.changes()):
            raise AssertionError(f"canaries were touched: {'; '.join(changed)}")
