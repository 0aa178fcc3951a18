"""The report as a stream: one JSON object per line, the last of which counts the lines before it."""

from __future__ import annotations

import json

from locara_verify.finding import JSON
from locara_verify.report.value import Report, to_json


def render(report: Report) -> str:
    """First ``run``, then one ``rule`` per planned rule, then ``end``; a file without ``end`` was cut off."""
    document = to_json(report)
    rules = document.pop("rules")
    lines: list[dict[str, JSON]] = [{"event": "run", **document}]
    if isinstance(rules, list):
        lines += [{"event": "rule", **rule} for rule in rules]
    lines.append({"event": "end", "verdict": document["verdict"], "lines": len(lines)})
    return "".join(json.dumps(line, sort_keys=True, allow_nan=False) + "\n" for line in lines)
