"""Loading sigstore-python without the libraries it would only use to reach a network.

The library can also sign, fetch and log in, and imports what it needs for that (HTTP, TUF, tokens of a login)
before it verifies anything: a third of the time of a whole `locara attest verify`. None of it takes part in a
check. While the library loads, such an import gives a stand-in that holds no code of its own: the first use of
anything in it imports the real library and goes on with that. So nothing is replaced, only put off; and since a
check never uses it, a process that only verifies cannot reach a network through it either.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from threading import Lock
from types import ModuleType
from typing import Any, Final

NOT_FOR_CHECKS: Final = ("requests", "tuf.ngclient", "jwt", "id", "platformdirs")
"""What is put off: HTTP, the TUF client that downloads, and three that serve logging in and caches."""

_LOADING: Final = Lock()


def load_verifier() -> None:
    """Import what verifying needs of sigstore-python. Afterwards each of its imports costs nothing.

    Raises ImportError when the library is not there.
    """
    with _LOADING, put_off(*(name for name in NOT_FOR_CHECKS if name not in sys.modules)):
        import_module("sigstore.models")
        import_module("sigstore.verify.verifier")


@contextmanager
def put_off(*names: str) -> Iterator[None]:
    """While the block runs, importing one of these modules gives a stand-in; afterwards it gives the module."""
    waiting = {name: _Later(name) for name in names}
    sys.modules.update(waiting)
    try:
        yield
    finally:
        for name, later in waiting.items():
            later.loaded()
            if sys.modules.get(name) is later:
                del sys.modules[name]


class _Later(ModuleType):
    """A module that is imported when something in it is used for the first time."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._waits = True

    def loaded(self) -> None:
        """From now on a name in it is the real thing."""
        self._waits = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
        if name == "__version__":
            return metadata.version(self.__name__)
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(self.__name__, name) if self._waits else getattr(_real(self.__name__), name)


def _real(name: str) -> ModuleType:
    """The module itself, also while its stand-in is still in its place."""
    if isinstance(sys.modules.get(name), _Later):
        del sys.modules[name]
    return import_module(name)


class _Name:
    """Something out of a module that is not imported yet: named, called, or told apart, it is the real one."""

    __slots__ = ("_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def _itself(self) -> Any:  # noqa: ANN401 - whatever the module holds
        return getattr(_real(self._module), self._name)

    def __call__(self, *args: object, **named: object) -> Any:  # noqa: ANN401
        return self._itself()(*args, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._itself(), name)

    def __mro_entries__(self, _bases: tuple[object, ...]) -> tuple[type, ...]:
        return (self._itself(),)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._itself())

    def __subclasscheck__(self, value: type) -> bool:
        return issubclass(value, self._itself())

    def __or__(self, other: object) -> Any:  # noqa: ANN401 - a union of types
        return self._itself() | other

    def __ror__(self, other: object) -> Any:  # noqa: ANN401
        return other | self._itself()
