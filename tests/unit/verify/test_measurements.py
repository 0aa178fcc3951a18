from __future__ import annotations

from locara_verify.report.measurements import measurement_lines

DECODE = {
    "ours": 355.5,
    "raw": 357.3,
    "unit": "us",
    "kept": {"low": 0.93, "median": 0.97, "high": 0.994},
    "wide": True,
    "recall@10": 1.0,
}
DECIDE = {"us": {"median": 1.06}, "times": {"median": 1.93}, "bound": 4.0}


def test_a_ratio_stands_beside_both_times_with_its_interval() -> None:
    header, row = measurement_lines({"decode_token": DECODE, "slowness": 1.2})
    assert header.split("  ")[0] == "measured"
    assert row.split() == (
        [
            "decode",
            "token",
            "355.5",
            "µs",
            "357.3",
            "µs",
            "0.97",
            "(0.93",
            "to",
            "0.99);",
            "recall@10",
            "1.000,",
            "the",
            "machine",
            "was",
            "busy:",
            "wide",
        ]
    )
    assert header.index("raw engine") == row.index("357.3")


def test_a_calibrated_figure_names_its_bound() -> None:
    row = list(measurement_lines({"decide_exact": DECIDE}))[1]
    assert row.split() == [
        "decide",
        "exact",
        "1.06",
        "µs",
        "1.93",
        "times",
        "the",
        "calibration;",
        "bound",
        "4.00",
    ]


def test_nothing_measured_is_no_table() -> None:
    assert list(measurement_lines({})) == []
    assert list(measurement_lines({"slowness": 1.0})) == []
