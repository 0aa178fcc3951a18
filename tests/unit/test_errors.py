"""The error tree: stable codes, words for a person."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import locara
from locara import errors
from locara.errors import (
    AuditError,
    CallError,
    CapabilityDenied,
    InferenceError,
    LocaraError,
    ManifestError,
    ModelError,
    Problem,
    SandboxError,
    StorageError,
    ToolError,
    UsageError,
)

FAMILIES = [AuditError, InferenceError, ModelError, SandboxError, StorageError, ToolError, UsageError]
PROBLEM = Problem("bad_value", "this is wrong", "/name", 3, 5, "write it right")


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_has_a_code_and_explains_itself(family: type[LocaraError]) -> None:
    plain = family("it failed")
    assert plain.code == family.code
    assert plain.code.replace("_", "").isalpha()
    assert plain.diagnostics() == str(plain) == plain.message == "it failed"
    told = family("it failed", code="not_cached", fix="get it")
    assert (told.code, told.fix) == ("not_cached", "get it")
    assert told.diagnostics() == "it failed\nhelp: get it"
    assert family("other").code == family.code


CLOSED: dict[type[LocaraError], frozenset[str]] = {
    AuditError: errors.AUDIT_CODES,
    CallError: errors.IPC_CODES,
    CapabilityDenied: errors.IPC_CODES,
    InferenceError: errors.INFERENCE_CODES,
    ManifestError: errors.MANIFEST_CODES,
    ModelError: errors.MODEL_CODES,
    SandboxError: errors.SANDBOX_CODES,
    StorageError: errors.STORAGE_CODES,
    ToolError: errors.TOOL_CODES,
}


@pytest.mark.parametrize("family", CLOSED)
def test_codes_are_short_words_and_hold_the_default(family: type[LocaraError]) -> None:
    codes = CLOSED[family]
    assert family.code in codes
    assert all(code == code.lower() and code.replace("_", "").isalnum() and len(code) < 25 for code in codes)


@pytest.mark.parametrize("family", CLOSED)
def test_every_code_that_is_raised_is_in_the_closed_list(family: type[LocaraError]) -> None:
    """Each literal ``code=`` in the source; a new code is added to its list in locara/errors.py first."""
    raised = {
        keyword.value.value
        for path in Path(locara.__file__).parent.rglob("*.py")
        if "node_modules" not in path.parts
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == family.__name__
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert raised <= CLOSED[family]


def test_a_manifest_error_tells_every_problem() -> None:
    second = Problem("missing_key", "that is missing", "/icon", 4, 1)
    error = ManifestError([PROBLEM, second], source="app/locara.json")
    assert error.code == "bad_value"
    assert error.problems == (PROBLEM, second)
    assert str(error) == "app/locara.json:3:5: this is wrong (and 1 more problem)"
    assert error.diagnostics() == (
        "app/locara.json:3:5: this is wrong [bad_value]\n"
        "  help: write it right\n"
        "app/locara.json:4:1: that is missing [missing_key]"
    )
    assert str(ManifestError([PROBLEM])) == "locara.json:3:5: this is wrong"


def test_a_manifest_error_without_a_problem_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ManifestError([])


def test_a_denial_names_capability_reason_and_fix() -> None:
    error = CapabilityDenied(capability="net", because="it is not declared", fix='"net": true')
    assert error.code == "capability_denied"
    assert (error.capability, error.because, error.fix) == ("net", "it is not declared", '"net": true')
    assert error.diagnostics() == 'net denied: it is not declared\nhelp: "net": true'
    assert CapabilityDenied("no", capability="net", because="b").diagnostics() == "no"


def test_a_call_error_has_a_code_of_the_closed_list() -> None:
    error = CallError("gone", code="unknown_command", capability="net", fix='"net": true')
    assert (error.code, error.capability, error.because) == ("unknown_command", "net", None)
    assert CallError("?").code == "internal"
    with pytest.raises(ValueError, match="closed list"):
        CallError("?", code="made_up")


def test_every_error_is_a_locara_error() -> None:
    for family in (*FAMILIES, ManifestError, CapabilityDenied, CallError):
        assert issubclass(family, LocaraError)
