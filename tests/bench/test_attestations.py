"""Checking an attestation, beside the library alone on the same bytes; and the whole command from a cold start."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from locara.core.digest import Digest
from locara.trust.attestation import Expectation, verify_strict
from locara.trust.bundle import library
from locara.trust.bundle.instance import TrustInstance
from locara_verify.strategies.bundles import Side, vectors
from tests.bench.conftest import Compare

FIXTURES = Path(__file__).parents[2] / "fixtures"


def good() -> Side:
    return vectors(FIXTURES)[0].twin


def test_strict(benchmark: Any) -> None:
    side = good()
    benchmark.group = "attestation"
    instance = TrustInstance.read(side.trust)
    want = Expectation(
        Digest(side.want["artifact"] or ""), side.want["source"], side.want["builder"], side.want["identity"]
    )
    benchmark(lambda: verify_strict(side.bundle, instance, want, now=side.now, recalled=lambda _: None))


def test_library_alone(benchmark: Any) -> None:
    side = good()
    benchmark.group = "attestation"
    verifier, _ = TrustInstance.read(side.trust).whole()
    anybody = library.Signers(lambda _: None)
    benchmark(lambda: library.statement(verifier, library.load(side.bundle), anybody))


def test_processor_time(compare: Compare) -> None:
    """The same in processor time, which a busy machine does not stretch as it does the clock."""
    side = good()
    instance = TrustInstance.read(side.trust)
    verifier, _ = instance.whole()
    anybody = library.Signers(lambda _: None)
    want = Expectation(
        Digest(side.want["artifact"] or ""), side.want["source"], side.want["builder"], side.want["identity"]
    )

    def ours() -> float:
        begin = time.process_time()
        verify_strict(side.bundle, instance, want, now=side.now, recalled=lambda _: None)
        return time.process_time() - begin

    def plain() -> float:
        begin = time.process_time()
        library.statement(verifier, library.load(side.bundle), anybody)
        return time.process_time() - begin

    compare("attestation, processor time", ours, plain, unit="ms", scale=1e3)


def test_command_from_cold(benchmark: Any, tmp_path: Path) -> None:
    side = good()
    benchmark.group = "attestation, cold"
    (tmp_path / "bundle").write_bytes(side.bundle)
    (tmp_path / "trust").write_bytes(side.trust)
    line = [sys.executable, "-m", "locara", "attest", "verify", "bundle", "--trust-root", "trust"]
    line += ["--digest", f"sha256:{side.want['artifact']}"]
    benchmark.pedantic(lambda: subprocess.run(line, check=True, cwd=tmp_path, capture_output=True), rounds=5)
