"""Values on their way between JSON and SQLite.

In (parameters): null, booleans (as 0 and 1), numbers, text, an array of numbers (a vector: little-endian
float32), ``{"$blob": "<base64>"}`` and ``{"$int": "<decimal>"}`` for integers a JavaScript number cannot
hold. Out (rows): null, numbers, text, ``{"$blob": …}``, ``{"$int": …}`` beyond ±2^53 and ``{"$real":
"Infinity"}``. Anything else raises `StorageError` ``bad_value``; nothing is guessed, rounded or cut.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from locara.errors import StorageError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
SQLValue: TypeAlias = int | float | str | bytes | None
Bindings: TypeAlias = tuple[SQLValue, ...] | dict[str, SQLValue]

MAX_VECTOR: Final = 16_384
_INFINITY: Final = {True: "Infinity", False: "-Infinity"}
_NUMBERS: Final = frozenset({int, float})
_EXACT: Final = 2**53
_INT64: Final = 2**63
# `int` would also read blanks, underscores and the digits of other scripts.
_DECIMAL: Final = re.compile(r"-?[0-9]{1,19}")


def _bad(message: str, fix: str | None = None) -> StorageError:
    return StorageError(message, code="bad_value", fix=fix)


def vector(numbers: Sequence[JSON]) -> bytes:
    """The float32 little-endian bytes of a non-empty array of finite numbers."""
    if not 0 < len(numbers) <= MAX_VECTOR:
        raise _bad(f"a vector has 1 to {MAX_VECTOR} numbers, not {len(numbers)}")
    if not _NUMBERS.issuperset(map(type, numbers)):
        raise _bad("a vector holds numbers only")
    try:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (OverflowError, struct.error) as error:
        raise _bad("a number of the vector does not fit a 32-bit float") from error
    # Each is within a float32, so their sum is finite unless one of them is not.
    if not math.isfinite(sum(numbers)):  # type: ignore[arg-type]
        raise _bad("a vector holds finite numbers only")
    return packed


def _object(value: Mapping[str, JSON]) -> SQLValue:
    if len(value) == 1:
        (tag, content), *_ = value.items()
        if tag == "$blob" and isinstance(content, str):
            try:
                return base64.b64decode(content, validate=True)
            except (binascii.Error, ValueError) as error:
                raise _bad("$blob holds base64 text") from error
        if tag == "$int" and isinstance(content, str):
            if _DECIMAL.fullmatch(content) is None:
                raise _bad("$int holds a decimal integer")
            return bind(int(content))
    raise _bad(
        "an object is not a value of a database",
        'store JSON as text, bytes as {"$blob": "<base64>"}, big integers as {"$int": "<decimal>"}',
    )


def bind(value: JSON) -> SQLValue:
    """The SQLite value of one JSON parameter; `StorageError` ``bad_value`` for what has none."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise _bad("an integer does not fit 64 bits", "store it as text")
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _bad("a number is not finite")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _bad("a text holds half of a surrogate pair, so it is not Unicode") from error
    if isinstance(value, (str, float)):
        return value
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, Sequence):
        return vector(value)
    raise _bad(f"a {type(value).__name__} is not a value of a database")


def bindings(params: JSON, most: int) -> Bindings:
    """All parameters of a statement: an array for ``?``, an object for ``:name``; at most ``most``."""
    if params is None:
        return ()
    if isinstance(params, (str, bytes)) or not isinstance(params, (Mapping, Sequence)):
        raise _bad("params are an array or an object")
    if len(params) > most:
        raise StorageError(
            f"a statement takes at most {most} parameters, not {len(params)}",
            code="limit_exceeded",
            fix="pass the list as JSON text and read it with json_each(?)",
        )
    if isinstance(params, Mapping):
        return {str(name).lstrip(":@$"): bind(value) for name, value in params.items()}
    return tuple(map(bind, params))


def encode(value: SQLValue) -> tuple[JSON, int]:
    """The JSON form of a SQLite value and its cost in bytes of the reply."""
    if value is None:
        return None, 4
    if isinstance(value, str):
        return value, len(value) + 2 if value.isascii() else len(value.encode()) + 2
    if isinstance(value, int):
        return (value, 8) if -_EXACT <= value <= _EXACT else ({"$int": str(value)}, 32)
    if isinstance(value, float):
        return (value, 16) if math.isfinite(value) else ({"$real": _INFINITY[value > 0]}, 24)
    text = base64.b64encode(value).decode("ascii")
    return {"$blob": text}, len(text) + 12
