"""Decisions, the gate with its audit log, and compiling a manifest."""

from pathlib import Path
from typing import Any

import pytest

from locara.core.compile import compile_grants
from locara.core.decision import decide
from locara.core.manifest import parse_manifest
from locara.core.request import FsRequest, NetRequest, Request
from locara.runtime.audit import AuditLog
from locara.runtime.gate import Gate
from locara_verify.checks.bench.decisions import granting, many

APP = Path(__file__).parents[2] / "apps/docvault/locara.json"
HUNDRED = granting([f"*.h{number}.example.com" for number in range(100)])
FILE = FsRequest("app-data", "notes/today.txt", "read")
HOST = NetRequest("a.b.h50.example.com", 443)
FOREIGN = NetRequest("a.b.h50.example.org", 443)


@pytest.mark.parametrize(
    ("count", "request_"),
    [
        pytest.param(100, FILE, id="exact"),
        pytest.param(100, HOST, id="pattern-100"),
        pytest.param(10_000, HOST, id="pattern-10000"),
        pytest.param(100, FOREIGN, id="denied"),
    ],
)
def test_decide(benchmark: Any, count: int, request_: Request) -> None:
    grants = HUNDRED if count == 100 else many(count)
    benchmark.group = "decide"
    decision = benchmark(decide, grants, request_)
    assert decision.allowed == (request_ is not FOREIGN)


def test_gate_and_audit(benchmark: Any, tmp_path: Path) -> None:
    benchmark.group = "decide"
    log = AuditLog.open(tmp_path / "audit.jsonl", app="locara/bench")
    gate = Gate(HUNDRED, log)
    benchmark(gate.require, FILE, cmd="fs.read")
    log.close()


def test_manifest_compile(benchmark: Any) -> None:
    data = APP.read_bytes()
    benchmark.group = "manifest"
    benchmark.extra_info["bytes"] = len(data)
    benchmark(lambda: compile_grants(parse_manifest(data)))
