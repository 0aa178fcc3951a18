"""Evidence of a run as a folder: what was found, what it was found on, and everything needed to find it again.

    report.json       the whole report, times included
    facts.json        its deterministic part: the same app, seed, rules and machine give the same bytes
    environment.json  what the result may depend on besides the app
    replays/          one file per finding, for `locara replay`
    test-result.json  in-toto statement of the outcome by rule, not signed
    summary.json      SLSA verification summary, not signed
    SHA256SUMS        the digest of every other file

Signing is another step: the two statements are the bytes to sign. A folder of which one byte differs is refused.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import locara_verify
from locara.core.digest import Digest
from locara.errors import LocaraError, UsageError
from locara.plain_files import open_plain
from locara.records import dataclass
from locara_verify.budget import PROFILES
from locara_verify.finding import JSON, fingerprint
from locara_verify.plan import PERFORMANCE, Selection
from locara_verify.report.files import write_atomic
from locara_verify.report.json_report import render
from locara_verify.report.value import Report, environment, rules_digest
from locara_verify.verdict import Exit, Result, RuleOutcome, Verdict

FACTS: Final = "locara-facts/1"
SUMS: Final = "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?)")
_LIMIT: Final = 64 << 20
_MOST_FILES: Final = 10_000


class EvidenceError(LocaraError):
    """A folder is no evidence, or not what was written. codes: ``no_evidence``, ``altered``."""

    code = "no_evidence"

    @property
    def exit_code(self) -> Exit:
        """What was altered is material that cannot be trusted; no folder of evidence is a mistake of usage."""
        return Exit.TRUST if self.code == "altered" else Exit.USAGE


@dataclass(frozen=True, slots=True)
class Evidence:
    """A folder of evidence that was read whole: every file has the digest it was written with."""

    folder: Path
    facts: Mapping[str, Any]
    path: Path

    @property
    def selection(self) -> Selection:
        """Which rules had been chosen."""
        chosen = self.facts["selection"]
        return Selection(tuple(chosen["only"]), tuple(chosen["skip"]), chosen["expression"])


def facts(report: Report, selection: Selection) -> dict[str, JSON]:
    """The part of ``report`` that the same app, seed, rules and machine give again, bit for bit.

    Counts of rules that race or measure are left out: how often a race was run is a matter of time.
    """
    return {
        "schema": FACTS,
        "verdict": report.verdict.value,
        "strict": report.strict,
        "complete": report.complete,
        "budget": report.budget.to_json(),
        "seed": f"0x{report.seed:x}",
        "subject": report.digest,
        "selection": {
            "only": list(selection.only),
            "skip": list(selection.skip),
            "expression": selection.expression,
        },
        "environment": {**environment(), "rules": rules_digest(report.plan.rules)},
        "app": report.app,
        "not_planned": dict(sorted(report.plan.not_planned.items())),
        "rules": {outcome.rule.id: _rule(outcome) for outcome in report.judgement.outcomes},
    }


def _rule(outcome: RuleOutcome) -> dict[str, JSON]:
    found = sorted(fingerprint(finding) for finding in outcome.findings)
    timed = outcome.rule.timed or outcome.rule.area == PERFORMANCE
    return {
        "slug": outcome.rule.slug,
        "result": outcome.result.value,
        "attempts": None if timed else outcome.attempts,
        "findings": [str(len(found))] if timed else found,
    }


def text_of(value: Mapping[str, JSON]) -> str:
    """``value`` as the bytes that are compared: sorted keys, one form."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def write(folder: Path, report: Report, selection: Selection) -> None:
    """Write the evidence of a run to ``folder``, whole or not at all. Raises UsageError, OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", fix="name a new folder: evidence is never mixed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        contents = dict(_contents(report, selection))
        for name, text in contents.items():
            write_atomic(staged / name, text)
        sums = [
            f"{_sha256(text.encode('utf-8', 'backslashreplace'))}  {name}" for name, text in contents.items()
        ]
        write_atomic(staged / SUMS, "\n".join(sorted(sums, key=lambda line: line[66:])) + "\n")
        staged.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        staged.replace(folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _contents(report: Report, selection: Selection) -> Iterator[tuple[str, str]]:
    result = text_of(facts(report, selection))
    yield "report.json", render(report)
    yield "facts.json", result
    yield "environment.json", text_of({**environment(), "rules": rules_digest(report.plan.rules)})
    for path in sorted(set(report.replays.values())):
        yield f"replays/{Path(path).name}", Path(path).read_text("utf-8")
    yield from _statements(report, _sha256(result.encode()))


def _statements(report: Report, facts_digest: str) -> Iterator[tuple[str, str]]:
    from locara.trust.statement.descriptor import Resource  # noqa: PLC0415 - only evidence needs statements
    from locara.trust.statement.statement import Subject, write_statement  # noqa: PLC0415
    from locara.trust.statement.summary import LOCAL_ONLY, Policy, Summary, Verifier  # noqa: PLC0415
    from locara.trust.statement.summary import TYPE as SUMMARY  # noqa: PLC0415
    from locara.trust.statement.test_result import TYPE as TEST_RESULT  # noqa: PLC0415
    from locara.trust.statement.test_result import TestResult  # noqa: PLC0415

    app: Any = report.app
    name = report.path.name if app is None else app["id"]
    subjects = [Subject(name, Digest(report.digest.removeprefix("sha256:")))]
    by = {
        result: tuple(o.rule.id for o in report.judgement.outcomes if o.result is result) for result in Result
    }
    passed = report.verdict is Verdict.PASSED
    outcome = TestResult(
        result=("WARNED" if by[Result.WARNED] else "PASSED") if passed else "FAILED",
        configuration=(Resource(name="facts.json", digest={"sha256": facts_digest}),),
        passed_tests=by[Result.PASSED],
        warned_tests=by[Result.WARNED],
        failed_tests=(*by[Result.FAILED], *by[Result.SKIPPED], *by[Result.INCONCLUSIVE]),
    )
    yield "test-result.json", write_statement(subjects, outcome, TEST_RESULT).decode()
    policy = rules_digest(report.plan.rules).removeprefix("sha256:")
    local = passed and report.strict and report.complete and _is_local(app)
    summary = Summary(
        verifier=Verifier(id="urn:locara:verify", version={"locara-verify": locara_verify.__version__}),
        time_verified=datetime.datetime.fromisoformat(report.started),
        resource_uri=f"urn:locara:app:{name}",
        policy=Policy(
            uri=f"urn:locara:rules:{'strict' if report.strict else report.budget.profile}",
            digest={"sha256": policy},
        ),
        verification_result="PASSED" if passed else "FAILED",
        verified_levels=(LOCAL_ONLY,) if local else (),
    )
    yield "summary.json", write_statement(subjects, summary, SUMMARY).decode()


def _is_local(app: Any) -> bool:  # noqa: ANN401 - plain data
    return app is not None and app["kernel"]["network"] == "none"


def read(folder: Path) -> Evidence:
    """The evidence in ``folder``. Raises EvidenceError for a file that is missing, new or not what was written."""
    sums = dict(_sums(folder))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {
        SUMS
    }
    if unlisted := sorted(present - set(sums)):
        raise EvidenceError(f"{folder} holds {unlisted[0]}, which its {SUMS} does not name", code="altered")
    contents = {}
    for name, digest in sums.items():
        data = _bytes(folder / name)
        if _sha256(data) != digest:
            raise EvidenceError(f"{name} in {folder} is not what was written", code="altered")
        contents[name] = data
    try:
        found: Any = json.loads(contents["facts.json"])
        whole: Any = json.loads(contents["report.json"])
        if found["schema"] != FACTS or found["budget"]["profile"] not in PROFILES:
            raise EvidenceError(f"{folder} is evidence of another version")
        int(found["seed"], 16)
        return Evidence(folder, found, Path(whole["subject"]["path"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceError(f"{folder} holds no evidence that can be read: {error}") from error


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        text = _bytes(folder / SUMS).decode("ascii")
    except UnicodeDecodeError as error:
        raise EvidenceError(f"the {SUMS} of {folder} cannot be read", code="altered") from error
    lines = text.splitlines()
    if not 1 <= len(lines) <= _MOST_FILES:
        raise EvidenceError(f"the {SUMS} of {folder} names {len(lines)} files", code="altered")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or PurePosixPath(match[2]).is_absolute():
            raise EvidenceError(
                f"line {number} of the {SUMS} of {folder} is no digest and name", code="altered"
            )
        yield match[2], match[1]


def _bytes(path: Path) -> bytes:
    try:
        with open_plain(path) as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise EvidenceError(
            f"{path} cannot be read: {error.strerror}", fix="name a folder of --evidence"
        ) from error
    if len(data) > _LIMIT:
        raise EvidenceError(f"{path} is too large", code="altered")
    return data


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Every difference between two facts, one sentence each with the place; empty when they are the same."""
    return tuple(_differences("", before, after))


def _differences(place: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            here = f"{place}.{key}" if place else str(key)
            if key not in before:
                yield f"{here}: new, {_short(after[key])}"
            elif key not in after:
                yield f"{here}: gone, was {_short(before[key])}"
            else:
                yield from _differences(here, before[key], after[key])
    elif before != after:
        yield f"{place}: was {_short(before)}, is {_short(after)}"


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 120 else f"{text[:120]}…"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
