"""Statements that are written: read back by the reader of clients, and the same twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.trust.world import BUILD, BUILDER, COMMIT, DIGEST
from locara.core.digest import Digest
from locara.trust.explain import statement_lines
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.contents import Contents
from locara.trust.statement.descriptor import Resource
from locara.trust.statement.model_signature import ModelSignature
from locara.trust.statement.provenance import Provenance
from locara.trust.statement.statement import PAYLOAD_TYPE, Statement, Subject
from locara.trust.statement.summary import Summary
from locara.trust.statement.test_result import TestResult
from locara_registry import statements

T = datetime(2026, 7, 1, tzinfo=UTC)
ABOUT = [Subject("notes.locapp", DIGEST)]
POLICY = Resource(uri="https://locara.example/policy/strict", digest={"sha256": "0" * 64})


def report(**changes: Any) -> dict[str, Any]:
    rules = [{"id": "LC101", "result": "passed"}, {"id": "LC702", "result": "passed"}]
    return {"verdict": "passed", "strict": True, "rules": rules, **changes}


def read(raw: bytes) -> Statement:
    found = Statement.parse(PAYLOAD_TYPE, raw)
    assert statement_lines(found)[0] == ("kind", found.kind)
    return found


def summary(value: dict[str, Any]) -> Summary:
    made = statements.summary_of(
        value,
        ABOUT,
        verifier=BUILDER,
        policy=POLICY,
        inputs={"p": DIGEST},
        resource="pkg:generic/n@1",
        verified=T,
    )
    predicate = read(made).predicate
    assert isinstance(predicate, Summary)
    return predicate


def test_provenance_names_source_commit_builder_and_what_was_fetched() -> None:
    raw = statements.build_provenance(BUILD, ABOUT, {"pkg:npm/x@1": DIGEST}, T)
    assert raw == statements.build_provenance(BUILD, ABOUT, {"pkg:npm/x@1": DIGEST}, T)
    said = read(raw).predicate
    assert isinstance(said, Provenance)
    assert (said.builder, said.commits_of(BUILD.source)) == (BUILDER, {COMMIT})


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"strict": False}, False),
        ({"verdict": "inconclusive"}, False),
        ({"verdict": "failed"}, False),
        ({"strict": "yes"}, False),
    ],
)
def test_only_a_strict_run_that_passed_is_a_passed_verification(
    changes: dict[str, Any], passed: bool
) -> None:
    said = summary(report(**changes))
    assert said.passed is passed
    assert bool(said.verified_levels) is passed


@pytest.mark.parametrize(
    ("result", "word"),
    [
        ("passed", "PASSED"),
        ("warned", "WARNED"),
        ("failed", "FAILED"),
        ("skipped", "FAILED"),
        ("inconclusive", "FAILED"),
    ],
)
def test_what_did_not_run_is_not_passed(result: str, word: str) -> None:
    rules = [{"id": "LC101", "result": "passed"}, {"id": "LC702", "result": result}]
    said = read(statements.results_of(report(rules=rules), DIGEST, ABOUT)).predicate
    assert isinstance(said, TestResult)
    assert said.result == word and (said.configuration[0].digest or {})["sha256"] == DIGEST.hex


def test_a_bill_is_the_same_twice_whatever_the_order_and_knows_models() -> None:
    packages = [("b", "2", None), ("a", "1", DIGEST)]
    made = [
        statements.bill_of_materials("acme/notes", "1.0.0", one, [("tiny", DIGEST)], made=T, subjects=ABOUT)
        for one in (packages, packages[::-1])
    ]
    assert made[0] == made[1]
    said = read(made[0]).predicate
    assert isinstance(said, Contents)
    assert [(one.name, one.sha256) for one in said.models] == [("tiny", DIGEST.hex)]
    assert len(said.components) == 3 and said.spec_version == "1.6"


def test_a_model_is_signed_over_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"weights")
    (tmp_path / "LICENSE").write_bytes(b"Apache-2.0")
    raw = statements.model_statement("tiny", tmp_path)
    said = read(raw).predicate
    assert isinstance(said, ModelSignature)
    assert [one.name for one in said.resources] == ["LICENSE", "model.gguf"]
    for old, new, reason in (
        (Digest.of(b"weights").hex, Digest.of(b"other").hex, Reason.SUBJECT_MISMATCH),
        ('"LICENSE"', '"../LICENSE"', Reason.PREDICATE_MALFORMED),
        ('"LICENSE"', '"model.gguf"', Reason.PREDICATE_MALFORMED),
        ('"ignore_paths":[]', '"ignore_paths":[".git"]', Reason.PREDICATE_MALFORMED),
        ('"allow_symlinks":false', '"allow_symlinks":true', Reason.PREDICATE_MALFORMED),
    ):
        assert old in raw.decode()
        with pytest.raises(TrustError) as caught:
            Statement.parse(PAYLOAD_TYPE, raw.decode().replace(old, new).encode())
        assert caught.value.reason is reason


def test_every_file_of_a_model_is_signed_hidden_ones_too(tmp_path: Path) -> None:
    names = ("model.gguf", ".hidden", "deep/.er/config.json", "deep/tokens.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    said = read(statements.model_statement("m", tmp_path)).predicate
    assert isinstance(said, ModelSignature)
    assert {one.name: one.digest for one in said.resources} == {
        name: Digest.of(name.encode()).hex for name in names
    }


def test_only_a_run_that_passed_gives_the_level() -> None:
    for verdict in ("warned", "failed", "inconclusive", "PASSED", ""):
        said = summary(report(verdict=verdict))
        assert not said.passed and said.verified_levels == ()
    assert summary(report()).passed
