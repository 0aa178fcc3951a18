"""Benchmark figures as a table a person reads at a glance: ours beside the raw engine, and how much of it is kept.

``kept`` is raw time over our time with its 95 % interval: 1.00 is as fast as the raw engine. Figures that are judged
as multiples of a calibration (``times``) say the multiple and its bound instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from locara_verify.finding import JSON
from locara_verify.report.text import one_line

_UNITS = {"us": "µs"}


def measurement_lines(bench: Mapping[str, JSON]) -> Iterator[str]:
    """One line a figure, aligned, with a header; nothing when nothing was measured."""
    rows = list(measurement_rows(bench))
    if not rows:
        return
    table = [("measured", "ours", "raw engine", "kept of raw (95 % interval)"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        yield "  ".join([*cells, row[3]]).rstrip()


def measurement_rows(bench: Mapping[str, JSON]) -> Iterator[tuple[str, str, str, str]]:
    """One row a figure: its name, our time, the raw engine's, and what is judged."""
    return (_row(name, value) for name, value in bench.items() if isinstance(value, Mapping))


def _row(name: str, value: Mapping[str, JSON]) -> tuple[str, str, str, str]:
    title = name.replace("_", " ")
    kept, times = value.get("kept"), value.get("times")
    if isinstance(kept, Mapping):
        unit = str(value.get("unit", ""))
        text = (
            f"{_figure(kept['median'])} ({_figure(kept['low'])} to {_figure(kept['high'])}){_extras(value)}"
        )
        return title, _timed(value.get("ours"), unit), _timed(value.get("raw"), unit), text
    if isinstance(times, Mapping):
        spent = value.get("us")
        ours = _timed(spent.get("median"), "us") if isinstance(spent, Mapping) else ""
        bound = f"; bound {_figure(value.get('bound'))}"
        return title, ours, "", f"{_figure(times['median'])} times the calibration{bound}"
    plain = {key: part for key, part in value.items() if isinstance(part, bool | int | float | str)}
    return one_line(title), "", "", one_line(", ".join(f"{key} {part}" for key, part in plain.items()))


def _extras(value: Mapping[str, JSON]) -> str:
    known = {"per_second": "{:,.0f} a second", "recall@10": "recall@10 {:.3f}", "rows": "{:,.0f} rows"}
    parts = [
        text.format(part) for key, text in known.items() if isinstance(part := value.get(key), int | float)
    ]
    if value.get("wide") is True:
        parts.append("the machine was busy: wide")
    return f"; {', '.join(parts)}" if parts else ""


def _timed(value: JSON, unit: str) -> str:
    return f"{value:,.4g} {_UNITS.get(unit, unit)}" if isinstance(value, int | float) else ""


def _figure(value: JSON) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "?"
