"""Bounds on full-text search, whose one step SQLite cannot interrupt: what a MATCH may ask, how long a text may be.

FTS5 judges one document in one step, and the time of that step grows with the hits of the document, with the number
of terms, and for NEAR and for ranking with the number of terms once more: sixty terms over eight megabytes hold a
connection for minutes. So a statement is looked at after SQLite has compiled it: the program says where each search
gets its expression. That is a text of the statement or a parameter, which are read and bounded here, or it is refused,
since what a column or a function will give is not known before it runs. A text that goes into a full-text table has
at most `MAX_DOCUMENT` bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from locara.errors import StorageError
from locara.records import dataclass

MAX_EXPRESSION: Final = 1_024
MAX_WORDS: Final = 64
MAX_NEAR_WORDS: Final = 16
MAX_CHARACTERS: Final = 128
MAX_DOCUMENT: Final = 1_048_576

# FTS5's own notes on a search it was asked for: full text (M), LIKE (L) and GLOB (G) with their column, and others.
_PLAN: Final = re.compile(r"(?:[MLG]\d+|[r=<>])+")
_ARGUMENT: Final = re.compile(r"([MLG])\d+|[r=<>]")
_WORD: Final = re.compile(r"[^\W_]+")
_NEAR: Final = re.compile(r"\bNEAR\b")
_FREE: Final = frozenset({"Integer", "Int64", "Real", "Null", "Blob", "SoftNull"})
_COPIES: Final = frozenset({"SCopy", "Copy", "Move", "IntCopy"})
_TO_SECOND: Final = frozenset(
    {
        "Param", "Rowid", "IdxRowid", "RowData", "Sequence", "NewRowid", "Count", "ReadCookie", "Not", "BitNot",
        "IsTrue", "RowSetRead", "Offset", "Pagecount", "MaxPgcnt", "JournalMode", "AggValue", "Explain", "String",
    }
)  # fmt: skip
_TO_THIRD: Final = frozenset(
    {
        "Column", "VColumn", "Function", "PureFunc", "Concat", "Add", "Subtract", "Multiply", "Divide", "Remainder",
        "BitAnd", "BitOr", "ShiftLeft", "ShiftRight", "And", "Or", "MakeRecord", "VInitIn", "AggFinal", "AggValue",
        "GetSubtype", "Yield", "RowCell", "Compare",
    }
)  # fmt: skip

# One row of EXPLAIN: address, opcode, p1, p2, p3, p4.
Step: TypeAlias = tuple[int, str, int, int, int, "str | None"]


@dataclass(frozen=True, slots=True)
class Searches:
    """What a compiled statement does with full text: its expressions, and whether it writes virtual tables.

    ``texts`` stand in the statement, ``parameters`` are numbers from 1, ``unknown`` says that an expression comes
    from elsewhere.
    """

    texts: tuple[str, ...] = ()
    parameters: tuple[int, ...] = ()
    unknown: bool = False
    writes: bool = False


NONE: Final = Searches()


def searches(steps: Iterable[Step]) -> Searches:
    """Read a program, with the programs of its triggers after it; each begins anew at address 0."""
    programs: list[list[Step]] = []
    for step in steps:
        if step[0] == 0 or not programs:
            programs.append([])
        programs[-1].append(step)
    texts: list[str] = []
    parameters: list[int] = []
    unknown = writes = False
    for program in programs:
        for _, opcode, _, _, base, note in program:
            writes |= opcode == "VUpdate"
            if opcode != "VFilter" or note is None or not _PLAN.fullmatch(note):
                continue
            # The registers after the plan's number and the count of arguments hold the arguments.
            for place, argument in enumerate(_ARGUMENT.finditer(note)):
                if argument[1] is not None:
                    unknown |= not _sources(program, base + 2 + place, texts, parameters, set())
    return Searches(tuple(texts), tuple(parameters), unknown, writes)


def _sources(
    program: Sequence[Step], register: int, texts: list[str], parameters: list[int], seen: set[int]
) -> bool:
    """Add the texts and parameters that a register can hold; False when something else may be in it."""
    if register in seen:
        return True
    seen.add(register)
    found = False
    for _, opcode, first, second, third, note in program:
        if opcode == "String8" and second == register:
            texts.append(note or "")
        elif opcode == "Variable" and second == register:
            parameters.append(first)
        elif opcode in _COPIES and 0 <= register - second <= (third if opcode == "Copy" else 0):
            if not _sources(program, first + register - second, texts, parameters, seen):
                return False
        elif (opcode in _TO_SECOND and second == register) or (opcode in _TO_THIRD and third == register):
            return False
        elif not (opcode in _FREE and second == register):
            continue
        found = True
    return found


def check_expression(written: str | bytes, *, by_character: bool) -> None:
    """Raise StorageError ``limit_exceeded`` for an expression with too much in it.

    ``by_character``: a tokenizer of this database can make a term of every character (trigram, or separators of its
    own choice).
    """
    text = written if isinstance(written, str) else written.decode("utf-8", "replace")
    words = len(_WORD.findall(text))
    most = MAX_NEAR_WORDS if _NEAR.search(text) else MAX_WORDS
    if len(text) > MAX_EXPRESSION or words > most:
        raise StorageError(
            f"a MATCH has at most {MAX_WORDS} words and operators, {MAX_NEAR_WORDS} with NEAR, in"
            f" {MAX_EXPRESSION} characters",
            code="limit_exceeded",
            fix="search for fewer words",
        )
    if by_character and len(text) > MAX_CHARACTERS:
        raise StorageError(
            f"a MATCH in a database whose tokenizers take single characters has at most {MAX_CHARACTERS}"
            " characters",
            code="limit_exceeded",
            fix="search for fewer words",
        )


def unknown_expression() -> StorageError:
    """The refusal of a MATCH whose expression is computed."""
    return StorageError(
        "a MATCH takes a text or a parameter, not a column, a function or a query",
        code="limit_exceeded",
        fix="read the words first and pass them as a parameter",
    )


def long_document() -> StorageError:
    """The refusal of a text that is too long for a full-text table."""
    return StorageError(
        f"a text in a full-text table has at most {MAX_DOCUMENT} bytes",
        code="limit_exceeded",
        fix="split it into passages",
    )
