"""The pages of a development session: whose call is whose, and what is left of a page that has gone."""

from __future__ import annotations

import json
import threading
from typing import Any, cast

from locara.cli.dev_link import Pages

CALL = {"id": 1, "cmd": "app.info"}


class Runtime:
    """Keeps what the pages send; it answers when it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.client = self

    def send_raw(self, data: bytes) -> None:
        self.heard.append(json.loads(data[4:]))

    def recv_frame(self, _seconds: float) -> None:
        threading.Event().wait()


def session() -> tuple[Pages, Runtime]:
    pages, runtime = Pages(), Runtime()
    pages.attach(cast("Any", runtime), lambda _running: None)
    return pages, runtime


def test_what_a_page_had_asked_for_is_cancelled_once() -> None:
    pages, runtime = session()
    assert pages.send("one", CALL)
    assert pages.send("two", CALL)
    pages.leave("one")
    pages.leave("one")  # its window and its stream each notice that it has gone
    asked, _other, *rest = runtime.heard
    assert rest == [{"cancel": asked["id"]}]


def test_the_next_page_of_a_name_has_its_ids_and_no_answer_of_the_one_before() -> None:
    pages, runtime = session()
    assert pages.send("window", CALL)
    assert not pages.send("window", CALL)  # the twin: while the page is there its id is taken
    pages.leave("window")
    lines = pages.lines_of("window")
    assert lines is not None
    assert pages.send("window", CALL)
    first, _cancel, second = runtime.heard
    pages._deliver({"id": first["id"], "ok": True, "result": "old"})
    pages._deliver({"id": second["id"], "ok": True, "result": "new"})
    assert lines.get_nowait() == {"frame": {"id": 1, "ok": True, "result": "new"}}
    assert lines.empty()
