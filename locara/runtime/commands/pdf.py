"""pdf.*: the text of PDF pages, and a page as a picture for ocr.fromBytes. PDFium, confined.

The parser is another process that sees nothing but the bytes of the file and ends with the call; its answer is
checked before an app sees it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from locara.programs import pages
from locara.programs.pages import DPIS, MAX_COUNT, MAX_PAGE
from locara.runtime.arguments import Field
from locara.runtime.call import Call
from locara.runtime.commands.fs import PathArgs, with_tree
from locara.runtime.commands.registry import Lane, command
from locara.runtime.programs import read_whole
from locara.runtime.session import Session
from locara.runtime.trees import closing


class TextArgs(PathArgs):
    """A PDF file below a root (see fs.read); first: the page to begin with, count: at most so many pages."""

    first: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 1
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = MAX_COUNT


class RenderArgs(PathArgs):
    """page from 1; dpi: pixels an inch, 300 for reading."""

    page: Annotated[int, Field(ge=1, le=MAX_PAGE)]
    dpi: Annotated[int, Field(ge=DPIS[0], le=DPIS[-1])] = 300


@command("pdf.text", args=TextArgs, lane=Lane.PROGRAM)
def text(session: Session, call: Call, args: TextArgs) -> Mapping[str, Any]:
    """`{pageCount, pages: [{page, width, height, text, hasText, damaged}]}`: sizes in points (1/72 inch).

    hasText is false for a page without a text layer: a scan, or an empty page. An encrypted or damaged file is
    bad_request with the reason, a first page beyond the last not_found.
    """
    options = {"work": "text", "first": args.first, "count": args.count}
    outcome = session.beside.run(call, "pdf", options, _file(session, call, args), most=pages.MAX_ANSWER)
    count, found = pages.read_text(outcome)
    return {
        "pageCount": count,
        "pages": [
            {
                "page": page.page,
                "width": page.width,
                "height": page.height,
                "text": page.text,
                "hasText": page.has_text,
                "damaged": page.damaged,
            }
            for page in found
        ],
    }


@command("pdf.render", args=RenderArgs, lane=Lane.PROGRAM)
def render(session: Session, call: Call, args: RenderArgs) -> Mapping[str, Any]:
    """`{page, width, height, data}`: a grey PNG file in base64, sizes in pixels."""
    options = {"work": "render", "page": args.page, "dpi": args.dpi}
    outcome = session.beside.run(call, "pdf", options, _file(session, call, args), most=pages.MAX_PNG + 1024)
    picture = pages.read_picture(outcome)
    return {
        "page": picture.page,
        "width": picture.width,
        "height": picture.height,
        "data": base64.b64encode(picture.png).decode("ascii"),
    }


def _file(session: Session, call: Call, args: PathArgs) -> bytes:
    with closing(with_tree(session, call, args, "read", lambda tree: tree.open_read(args.path))) as fd:
        data = read_whole(fd, pages.MAX_PDF, "a PDF file")
    pages.check_pdf(data)
    return data
