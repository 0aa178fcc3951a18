"""Outside: how the reader of PDF files is started. It is our own few lines around PDFium, run inside."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from locara.errors import CallError
from locara.programs.launch import MIB, Launch, Limits
from locara.programs.pages import DPIS, MAX_COUNT, MAX_PAGE

READER: Final = "locara.programs.pdf_reader"
LIMITS: Final = Limits(memory=1_024 * MIB, cpu=45, wall=60.0)


def facts() -> Mapping[str, Any]:
    """`{installed}`. Raises CallError when PDFium is missing."""
    if find_spec("pypdfium2_raw") is None:
        raise CallError(
            "PDFium is not installed",
            code="program_unavailable",
            fix='install locara-framework with its extra "documents"; in a clone: ./dev setup',
        )
    return {"installed": True}


def launch(options: Mapping[str, Any]) -> Launch:
    """The call for `{work: "text", first, count}` or `{work: "render", page, dpi}`. Raises CallError."""
    facts()
    shapes = {"text": {"first": range(1, MAX_PAGE + 1), "count": range(1, MAX_COUNT + 1)}}
    shapes["render"] = {"page": range(1, MAX_PAGE + 1), "dpi": DPIS}
    work = options.get("work")
    shape = shapes.get(work) if isinstance(work, str) else None
    if shape is None or options.keys() != {"work", *shape}:
        raise CallError("a PDF file is read for text or rendered", code="bad_request")
    for name, span in shape.items():
        if type(options[name]) is not int or options[name] not in span:
            raise CallError(f"{name} is {span[0]} to {span[-1]}", code="bad_request")
    return Launch("pdf", LIMITS, reader=READER, options=dict(options))
