"""ocr.*: the text in a picture, with words, boxes and how sure the reader is. No model: tesseract, confined.

The picture's header is read here first; only a picture whose kind and size are fine is given to the program,
which is another process, sees nothing but these bytes and its languages, and ends with the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from locara.core.skills import READING
from locara.programs import pictures
from locara.programs.words import MAX_TABLE, ReadPage, read_words
from locara.runtime.arguments import Args, Field, NoArgs
from locara.runtime.call import Call
from locara.runtime.commands.fs import PathArgs, with_tree
from locara.runtime.commands.registry import Lane, command
from locara.runtime.programs import because, decoded, read_whole
from locara.runtime.session import Session
from locara.runtime.trees import closing

MAX_DATA: Final = 15 * 1024 * 1024
Language = Annotated[str, Field(min_length=1, max_length=20)]


class HowArgs(Args):
    """languages as ocr.languages names them; layout of the text; dpi when the picture does not say it."""

    languages: Annotated[list[Language], Field(min_length=1, max_length=4)] = Field(
        default_factory=lambda: ["eng"]
    )
    layout: Literal["auto", "column", "block", "line", "sparse"] = "auto"
    dpi: Annotated[int | None, Field(ge=36, le=2_400)] = None


class FromFileArgs(PathArgs, HowArgs):
    """A picture file below a root (see fs.read): png, jpeg, tiff, bmp or webp."""


class FromBytesArgs(HowArgs):
    """data: a picture in base64."""

    data: Annotated[str, Field(min_length=1, max_length=MAX_DATA)]


@command("ocr.fromFile", args=FromFileArgs, lane=Lane.PROGRAM)
def from_file(session: Session, call: Call, args: FromFileArgs) -> Mapping[str, Any]:
    """`{text, pages: [{page, width, height, text, words: [{text, x, y, width, height, confidence, block,
    paragraph, line}]}], format}`: boxes in pixels from the top left corner, confidence 0 to 1.

    A file that is no such picture is bad_request, one with too many pixels limit_exceeded, a language that is not
    installed not_found, and no tesseract on the machine program_unavailable.
    """
    with closing(with_tree(session, call, args, "read", lambda tree: tree.open_read(args.path))) as fd:
        data = read_whole(fd, pictures.MAX_BYTES, "a picture")
    return _read(session, call, args, data)


@command("ocr.fromBytes", args=FromBytesArgs, lane=Lane.PROGRAM)
def from_bytes(session: Session, call: Call, args: FromBytesArgs) -> Mapping[str, Any]:
    """As ocr.fromFile."""
    session.gate.record_use(call.cmd, capability="modalities", because=because(READING, session.grants))
    return _read(session, call, args, decoded(args.data))


def _read(session: Session, call: Call, args: HowArgs, data: bytes) -> Mapping[str, Any]:
    header = pictures.read_header(data)
    options = {"languages": args.languages, "layout": args.layout, "dpi": args.dpi}
    pages = read_words(session.beside.run(call, "ocr", options, data, most=MAX_TABLE), header.pages)
    return {
        "text": "\n\n".join(page.text for page in pages if page.text),
        "pages": [_page(page) for page in pages],
        "format": header.format,
    }


def _page(page: ReadPage) -> dict[str, Any]:
    return {
        "page": page.page,
        "width": page.width,
        "height": page.height,
        "text": page.text,
        "words": [
            {
                "text": word.text,
                "x": word.x,
                "y": word.y,
                "width": word.width,
                "height": word.height,
                "confidence": word.confidence,
                "block": word.block,
                "paragraph": word.paragraph,
                "line": word.line,
            }
            for word in page.words
        ],
    }


@command("ocr.languages", args=NoArgs, lane=Lane.PROGRAM)
def languages(session: Session, _call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{languages: [name]}`: those installed on this machine, sorted."""
    return {"languages": list(session.beside.facts("ocr")["languages"])}
