"""What the PDF reader answered, checked: its process ate hostile bytes, so nothing of it is believed unseen."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locara.errors import CallError
from locara.programs.outcome import CUT, Outcome
from locara.records import dataclass

MAX_PAGE: Final = 100_000
MAX_COUNT: Final = 200
DPIS: Final = range(36, 601)
MAX_PDF: Final = 64 * 1024 * 1024
MAX_ANSWER: Final = 26 * 1024 * 1024  # 4 million characters, each at most six bytes of JSON
MAX_PNG: Final = 11 * 1024 * 1024  # base64 of it fits into a frame
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_REASONS: Final[dict[str, tuple[str, str, str | None]]] = {
    "encrypted": (
        "bad_request",
        "the PDF file is protected by a password",
        "save a copy without a password and open that",
    ),
    "damaged": ("bad_request", "the file is no PDF file, or it is damaged", None),
    "no_page": ("not_found", "the PDF file has no such page", None),
    "too_much_text": (
        "limit_exceeded",
        "these pages hold more than 4 million characters",
        "ask for fewer pages",
    ),
    "too_many_pixels": ("limit_exceeded", "the page has too many pixels at this dpi", "ask for a lower dpi"),
}


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


M = TypeVar("M", bound=_Answer)


class _Page(_Answer):
    page: Annotated[int, Field(ge=1, le=10**6)]
    width: Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
    height: Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
    text: Annotated[str, Field(max_length=1_000_000)]
    damaged: bool


class _Text(_Answer):
    pageCount: Annotated[int, Field(ge=0, le=10**6)]
    pages: Annotated[list[_Page], Field(max_length=200)]


class _Render(_Answer):
    pageCount: Annotated[int, Field(ge=1, le=10**6)]
    page: Annotated[int, Field(ge=1, le=10**6)]
    width: Annotated[int, Field(ge=1, le=32_767)]
    height: Annotated[int, Field(ge=1, le=32_767)]
    bytes: Annotated[int, Field(ge=1, le=MAX_PNG)]


class _Refusal(_Answer):
    refused: Literal["encrypted", "damaged", "no_page", "too_much_text", "too_many_pixels"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number from 1, its size in points, its text. A damaged page has neither."""

    page: int
    width: float
    height: float
    text: str
    damaged: bool

    @property
    def has_text(self) -> bool:
        """Whether there is a text layer with anything but blanks; without one it is a picture, or empty."""
        return bool(self.text.strip())


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered page as a PNG file, its size in pixels."""

    page: int
    width: int
    height: int
    png: bytes


def check_pdf(data: bytes) -> None:
    """Raises CallError for what does not even begin as a PDF file, so that no parser is started for it."""
    if len(data) > MAX_PDF:
        raise CallError(f"a PDF file is at most {MAX_PDF // 2**20} MiB", code="too_large")
    if b"%PDF-" not in data[:1024]:
        raise CallError(_REASONS["damaged"][1], code="bad_request")


def read_text(outcome: Outcome) -> tuple[int, tuple[Page, ...]]:
    """The number of pages of the file, and those asked for. Raises CallError."""
    head, rest = _split(outcome)
    found = _model(_Text, head)
    numbers = [page.page for page in found.pages]
    if rest or numbers != sorted(set(numbers)) or (numbers and numbers[-1] > found.pageCount):
        raise _untrue()
    pages = tuple(
        Page(page.page, page.width, page.height, clean(page.text), page.damaged) for page in found.pages
    )
    return found.pageCount, pages


def read_picture(outcome: Outcome) -> Picture:
    """The rendered page. Raises CallError."""
    head, png = _split(outcome)
    found = _model(_Render, head)
    if len(png) != found.bytes or not png.startswith(_PNG):
        raise _untrue()
    return Picture(found.page, found.width, found.height, png)


def clean(text: str) -> str:
    """Text for an app: lines end in one newline, and control characters and lone surrogates are blanks."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(" " if _is_odd(char) else char for char in text)


def _is_odd(char: str) -> bool:
    code = ord(char)
    return (
        (code < 32 and char not in "\n\t") or 127 <= code < 160 or 0xD800 <= code < 0xE000 or code == 0xFFFE
    )


def _split(outcome: Outcome) -> tuple[bytes, bytes]:
    if outcome.is_over_limit:
        raise CallError(
            "the PDF file took too long to read", code="limit_exceeded", fix="ask for fewer pages"
        )
    head, newline, rest = outcome.output.partition(b"\n")
    if outcome.code != 0 or not newline:
        cut = " (its program was ended)" if outcome.code == CUT else ""
        raise CallError(f"the PDF file could not be read{cut}", code="bad_request")
    return head, rest


def _model(kind: type[M], head: bytes) -> M:
    try:
        if head.startswith(b'{"refused"'):
            code, message, fix = _REASONS[_Refusal.model_validate_json(head).refused]
            raise CallError(message, code=code, fix=fix)
        return kind.model_validate_json(head)
    except ValidationError as error:
        raise _untrue() from error


def _untrue() -> CallError:
    return CallError("the PDF reader's answer is not one", code="bad_request")
