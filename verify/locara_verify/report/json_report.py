"""The report as one JSON document: sorted keys, UTF-8, ends in a newline."""

from __future__ import annotations

import json

from locara_verify.report.value import Report, to_json


def render(report: Report) -> str:
    """``report`` as ``locara-report/1``."""
    return json.dumps(to_json(report), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
