"""From the pieces of a generation to what the model says, what it thinks, and the calls it writes.

The text is the model's and means nothing by itself: reasoning is told apart by where the markers stand, and a
call found here is only a wish. Whatever cannot be read as a call is dropped and noted, never shown and never
tried again in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from locara.inference.backend import Delta, Thought, WrittenCall
from locara.inference.calls import MAX_CALL_CHARS, MAX_CALLS, ValueScan, is_call, read_calls
from locara.inference.markers import CallSyntax, ThinkMarkers
from locara.inference.text import TextStream, open_length

Event = Delta | Thought
_CUT: Final = "the answer ends inside the call"


class _Place(Enum):
    SAYING = "saying"
    THINKING = "thinking"
    CALLING = "calling"
    LOST = "lost"


class Reply:
    """Sorts one generation while it comes.

    `think` and `calls` are the forms the model writes in, None where they do not matter. `thinking` says that
    the prompt has left reasoning open, `keep` whether reasoning is wanted; it is told apart in either case.
    What is `hidden` is kept as text and makes no events: all of it is one call.
    """

    def __init__(
        self,
        stops: Sequence[str] = (),
        *,
        think: ThinkMarkers | None = None,
        calls: CallSyntax | None = None,
        thinking: bool = False,
        keep: bool = False,
        hidden: bool = False,
    ) -> None:
        self._stream = TextStream(stops)
        self._think, self._syntax, self._keep = think, calls, keep
        self._hidden = hidden
        self._plain = think is None and calls is None
        self._place = _Place.THINKING if thinking else _Place.SAYING
        self._may_think = think is not None and not thinking
        self._held = ""
        self._scan = ValueScan("{")
        self._said: list[str] = []
        self._thought: list[str] = []
        self.calls: list[WrittenCall] = []

    @property
    def stopped(self) -> bool:
        """Whether a stop string is complete."""
        return self._stream.stopped

    @property
    def is_thinking(self) -> bool:
        """Whether the last piece was reasoning."""
        return self._place is _Place.THINKING

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._said)

    @property
    def reasoning(self) -> str | None:
        """All reasoning; None when it was not wanted."""
        return "".join(self._thought) if self._keep else None

    def push(self, piece: bytes) -> list[Event]:
        """Add the bytes of one token; returns what is certain now."""
        text = self._stream.push(piece)
        if self._plain:
            return self._say(text)
        return self._sort(text, last=False) if text else []

    def finish(self) -> list[Event]:
        """The generation has ended: returns what was held back."""
        rest = self._stream.finish()
        return self._say(rest) if self._plain else self._sort(rest, last=True)

    def _sort(self, text: str, *, last: bool) -> list[Event]:
        self._held += text
        events: list[Event] = []
        while True:
            place, held = self._place, len(self._held)
            events += self._step(last)
            if self._place is place and len(self._held) == held:
                return events

    def _step(self, last: bool) -> Iterator[Event]:
        match self._place:
            case _Place.THINKING:
                yield from self._step_thinking(last)
            case _Place.SAYING:
                yield from self._step_saying(last)
            case _Place.CALLING:
                yield from self._step_calling(last)
            case _Place.LOST:
                self._held = ""

    def _step_thinking(self, last: bool) -> Iterator[Event]:
        close = self._think.close if self._think else ""
        if not self._thought:
            self._held = self._held.lstrip()
        before, found = self._until((close,), last)
        if before:
            if self._keep:
                self._thought.append(before)
                yield Thought(before)
        elif found:
            self._held = self._held[len(found) :]
            self._place = _Place.SAYING

    def _step_saying(self, last: bool) -> Iterator[Event]:
        fresh = not self._said
        if fresh and self._think is not None:
            self._held = self._held.lstrip()  # what stands between reasoning and answer belongs to neither
        if fresh and self._syntax is not None and not self._syntax.open and self._held.lstrip()[:1] == "{":
            self._begin_call("")
            return
        if (
            fresh
            and self._syntax is not None
            and not self._syntax.open
            and not self._held.strip()
            and not last
        ):
            return
        marks = []
        if self._may_think and fresh and self._think is not None:
            marks.append(self._think.open)
        if self._syntax is not None and self._syntax.open:
            marks.append(self._syntax.open)
        before, found = self._until(tuple(marks), last)
        if before:
            yield from self._say(before)
        elif found and self._think is not None and found == self._think.open:
            self._held = self._held[len(found) :]
            self._may_think = False
            self._place = _Place.THINKING
        elif found:
            self._begin_call(found)

    def _until(self, marks: tuple[str, ...], last: bool) -> tuple[str, str]:
        """Take the text before the first marker; returns it and, when it is empty, the marker that stands
        there."""
        found = min(
            ((at, mark) for mark in marks if mark and (at := self._held.find(mark)) >= 0),
            default=(len(self._held), ""),
        )
        at = found[0]
        if not found[1] and not last:
            at -= open_length(self._held, marks)
        before, self._held = self._held[:at], self._held[at:]
        return before, "" if before else found[1]

    def _begin_call(self, opened: str) -> None:
        self._held = self._held[len(opened) :]
        self._scan = ValueScan("[" if self._syntax is not None and self._syntax.many else "{")
        self._place = _Place.CALLING

    def _step_calling(self, last: bool) -> Iterator[Event]:
        syntax, scan = self._syntax, self._scan
        if syntax is None:
            return
        scan.advance(self._held)
        if scan.broken or len(self._held) > MAX_CALL_CHARS:
            yield from self._lose("the call is not one JSON value", last)
        elif scan.end is None:
            if last:
                yield from self._lose(_CUT, last)
        else:
            yield from self._end_call(syntax, scan.end, last)

    def _end_call(self, syntax: CallSyntax, end: int, last: bool) -> Iterator[Event]:
        body, rest = self._held[:end], self._held[end:].lstrip()
        if not rest.startswith(syntax.close):
            if not syntax.close.startswith(rest):
                yield from self._lose("something else stands where the call should end", last)
            elif last:
                yield from self._lose(_CUT, last)
        elif not syntax.open and not is_call(body, syntax):
            yield from self._lose("", last)
        else:
            found = read_calls(body, syntax)
            self._held = rest[len(syntax.close) :]
            if len(self.calls) + len(found) > MAX_CALLS:
                yield from self._lose(f"the answer holds more than {MAX_CALLS} calls", last)
                return
            self.calls += found
            self._place = _Place.SAYING if syntax.open else _Place.LOST

    def _lose(self, problem: str, last: bool) -> Iterator[Event]:
        """Note what cannot be a call and drop the rest; an answer without markers was no call but an answer."""
        if self._syntax is not None and not self._syntax.open:
            self._syntax = None
            self._place = _Place.SAYING
            yield from self._step_saying(last)
            return
        self.calls.append(WrittenCall("", None, problem))
        self._place = _Place.LOST

    def _say(self, text: str) -> list[Event]:
        if not text:
            return []
        self._said.append(text)
        return [] if self._hidden else [Delta(text)]
