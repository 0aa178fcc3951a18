"""The plots of the HTML report as inline SVG. Each has a title and a description, and never tells by colour alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from locara.records import dataclass
from locara_verify.finding import JSON
from locara_verify.report.html.markup import Markup, element
from locara_verify.report.value import Span

WIDTH: Final = 720.0
_ROW: Final = 30.0
_LEFT: Final = 150.0
_RIGHT: Final = 110.0


def figure(identity: str, title: str, text: str, height: float, parts: Sequence[Markup]) -> Markup:
    """An SVG of WIDTH by ``height`` with its name and description for those who do not see it."""
    picture = element(
        "svg",
        element("title", title, id=f"{identity}-title"),
        element("desc", text, id=f"{identity}-text"),
        *parts,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_labelledby=f"{identity}-title {identity}-text",
    )
    # On a narrow screen it keeps a size at which it can be read, and scrolls.
    return element("div", picture, class_="plot scroll", tabindex="0", role="group", aria_label=title)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, how many times it was tried, and whether all of it held."""

    name: str
    count: int
    held: bool


def bars(data: Sequence[Bar]) -> Markup:
    """Attempts by family on a logarithmic scale, with the numbers beside the bars."""
    most = max((bar.count for bar in data), default=1)
    scale = (WIDTH - _LEFT - _RIGHT) / math.log10(max(10, most) * 1.0)
    parts: list[Markup] = []
    for number, bar in enumerate(data):
        y = number * _ROW
        length = max(2.0, math.log10(max(1, bar.count)) * scale)
        parts.append(_label(bar.name, _LEFT - 12, y + 20, "end"))
        style = "held" if bar.held else "broken"
        parts.append(element("rect", x=_LEFT, y=y + 6, width=length, height=18, rx=4, class_=f"bar {style}"))
        words = f"{bar.count:,}" if bar.held else f"{bar.count:,} ✕"
        parts.append(_label(words, _LEFT + length + 8, y + 20, "start", "number"))
    told = "; ".join(f"{bar.name}: {bar.count:,}{'' if bar.held else ', not all held'}" for bar in data)
    return figure("attempts", "Attempts by family", told, len(data) * _ROW + 4, parts)


def ratios(bench: Mapping[str, JSON]) -> Markup | None:
    """Speed kept of the raw engine's: spread, 95 % interval, median and bound; None when nothing was measured."""
    rows = [
        (name, value, kept)
        for name, value in bench.items()
        if isinstance(value, Mapping) and isinstance(kept := value.get("kept"), Mapping)
    ]
    if not rows:
        return None
    far = max(1.1, *(_reach(value, kept) for _, value, kept in rows))
    axis = _Axis(_LEFT, WIDTH - 60, 0.0, math.ceil(far * 10) / 10)
    height = len(rows) * 38.0 + 34
    parts = [_tick(axis, share, height - 26) for share in _ticks(axis.end)]
    told = []
    for number, (name, value, kept) in enumerate(rows):
        parts += _ratio(axis, number * 38.0, name.replace("_", " "), value, kept)
        told.append(f"{name.replace('_', ' ')} {kept['median']} ({kept['low']} to {kept['high']})")
    return figure("speed", "Speed beside the raw engine", "; ".join(told), height, parts)


@dataclass(frozen=True, slots=True)
class _Axis:
    left: float
    right: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (min(value, self.end) - self.start) / (self.end - self.start)
        return self.left + max(0.0, share) * (self.right - self.left)


def _ratio(
    axis: _Axis, y: float, name: str, value: Mapping[str, JSON], kept: Mapping[str, JSON]
) -> list[Markup]:
    middle = y + 19
    low, median, high = (axis.at(_number(kept.get(key))) for key in ("low", "median", "high"))
    parts = [_label(name, _LEFT - 12, middle + 5, "end")]
    spread = value.get("spread")
    if isinstance(spread, Mapping):
        p05, p25, p75, p95 = (axis.at(_number(spread.get(key))) for key in ("p05", "p25", "p75", "p95"))
        parts.append(element("line", x1=p05, x2=p95, y1=middle, y2=middle, class_="whisker"))
        parts.append(
            element("rect", x=p25, y=middle - 9, width=max(1.0, p75 - p25), height=18, rx=3, class_="spread")
        )
    width = max(3.0, high - low)
    parts.append(element("rect", x=low, y=middle - 4, width=width, height=8, rx=4, class_="interval"))
    parts.append(element("circle", cx=median, cy=middle, r=5, class_="median"))
    if isinstance(bound := value.get("bound"), int | float):
        at = axis.at(bound)
        parts.append(element("line", x1=at, x2=at, y1=middle - 15, y2=middle + 15, class_="bound"))
    parts.append(_label(f"{_number(kept.get('median')):.2f}", WIDTH - 8, middle + 5, "end", "number"))
    return parts


def _reach(value: Mapping[str, JSON], kept: Mapping[str, JSON]) -> float:
    spread = value.get("spread")
    widest = _number(spread.get("p95")) if isinstance(spread, Mapping) else 0.0
    return min(2.5, max(_number(kept.get("high")), widest))


def _ticks(end: float) -> list[float]:
    step = 0.25 if end <= 1.6 else 0.5
    return [number * step for number in range(int(end / step + 1e-9) + 1)]


def _tick(axis: _Axis, share: float, bottom: float) -> Markup:
    at = axis.at(share)
    style = "grid one" if share == 1.0 else "grid"
    line = element("line", x1=at, x2=at, y1=2, y2=bottom, class_=style)
    return element("g", line, _label(f"{share:g}", at, bottom + 18, "middle", "small"))


def timeline(spans: Sequence[Span], seconds: float) -> Markup | None:
    """When each check ran: one row per worker, longest names inside their bars; None when nothing ran."""
    ran = sorted((span for span in spans if span.ms > 0), key=lambda span: span.began_ms)
    if not ran:
        return None
    end = max(1.0, seconds * 1000, *(span.began_ms + span.ms for span in ran))
    axis = _Axis(8, WIDTH - 8, 0.0, end)
    rows = lanes(ran)
    height = (max(rows) + 1) * 34.0 + 26
    step = _step(end)
    parts = []
    for number in range(int(end / step) + 1):
        at = axis.at(number * step)
        line = element("line", x1=at, x2=at, y1=0, y2=height - 24, class_="grid")
        parts.append(
            element("g", line, _label(f"{number * step / 1000:g} s", at, height - 8, "middle", "small"))
        )
    for span, row in zip(ran, rows, strict=True):
        x, width = axis.at(span.began_ms), max(1.5, span.ms / end * (axis.right - axis.left) - 1)
        style = {"ok": "held", "found": "broken"}.get(span.state, "unsure")
        told = f"{span.check}: {span.ms / 1000:.1f} s ({', '.join(span.rules)})"
        box = element("rect", x=x, y=row * 34 + 4, width=width, height=26, rx=3, class_=f"bar {style}")
        inside = [element("title", told), box]
        if width > len(span.check) * 6.4 + 8:
            inside.append(_label(span.check, x + 6, row * 34 + 22, "start", "inside"))
        parts.append(element("g", *inside))
    longest = sorted(ran, key=lambda span: -span.ms)[:5]
    told = f"{len(ran)} checks in {end / 1000:.1f} s; the longest: " + ", ".join(
        f"{span.check} {span.ms / 1000:.1f} s" for span in longest
    )
    return figure("timeline", "When each check ran", told, height, parts)


def lanes(spans: Sequence[Span]) -> list[int]:
    """A row for each of ``spans`` (sorted by begin) so that those of one row do not overlap."""
    free: list[int] = []
    rows = []
    for span in spans:
        row = next((row for row, until in enumerate(free) if until <= span.began_ms + 5), len(free))
        if row == len(free):
            free.append(0)
        free[row] = span.began_ms + span.ms
        rows.append(row)
    return rows


def _step(end: float) -> float:
    for step in (500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 300_000):
        if end / step <= 9:
            return step
    return 600_000


def _label(text: str, x: float, y: float, anchor: str, style: str = "label") -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=style)


def _number(value: JSON) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
