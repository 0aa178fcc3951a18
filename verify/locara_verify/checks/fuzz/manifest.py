"""LC003: the parser, the published JSON Schema and the independent judge on the same generated documents."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from importlib.resources import files
from typing import Any, Final

from locara.core.manifest import parse_manifest
from locara.errors import ManifestError, Problem
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import json_text, manifest
from locara_verify.strategies import manifest_bytes, manifests

RULE: Final = "LC003"
NAME: Final = "manifest-fuzz"
SCHEMA_FILE: Final = "locara.schema.json"
LARGE: Final = 10 * 1024 * 1024
MOST_FINDINGS: Final = 5
SHRINK_STEPS: Final = 400

# What a JSON Schema cannot say, or says of the parsed value only. Each entry allows one kind of document that
# the parser refuses and the schema accepts; nothing may be the other way round. The list is closed.
SCHEMA_CANNOT_SAY: Final[Mapping[str, str]] = {
    "json_": "the schema sees a parsed value: how it was written is the reader's matter",
    "unsupported": "the format knows the word, this version has no backend for it",
    "another field": "rules between two fields: models of profiles and modalities, entry below the build",
    "identity": "items that differ as text and name the same thing: a model pinned twice",
    "characters": "classes of characters (unassigned, private, format), space at the ends, marks in a row",
    "bytes": "a length in bytes of UTF-8, not in characters",
    "whole numbers": "1.0 is an integer to JSON Schema and a float to the parser",
    "pattern length": "a wildcard host leaves room for a label in front of it",
}
TEXT_FIELDS: Final = (
    "/displayName",
    "/description",
    "/longDescription",
    "/author/name",
    "/capabilities/background/reasons",
)
PATH_FIELDS: Final = ("/icon", "/screenshots", "/entry", "/build/out")
HOST_FIELDS: Final = ("/capabilities/net/allowed_hosts", "/capabilities/open-external/hosts")
NUMBER_FIELDS: Final = ("/storage/quota_mb", "/profiles", "/capabilities/net/allowed_ports")
CROSS_FIELDS: Final = ("/modalities", "/tooling", "/profiles", "/entry")
IDENTITY_FIELDS: Final = ("/capabilities/models", "/capabilities/tools", "/capabilities/shared-folders")

Json = Any
Accepts = Callable[[Json], bool]


@dataclass(slots=True)
class Tally:
    """What was read so far."""

    documents: int = 0
    accepted: int = 0
    explained: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def schema_validator() -> Accepts:
    """The published schema, run by a validator that is neither the product's parser nor this project's
    code."""
    import jsonschema_rs  # noqa: PLC0415 - only this check needs it

    schema = json.loads(files("locara.schema").joinpath(SCHEMA_FILE).read_text("utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    return lambda value: bool(validator.is_valid(value))


def parse(data: bytes) -> tuple[Problem, ...] | str:
    """The parser's problems, nothing for an accepted document; a text when it failed in a way it must not."""
    try:
        parse_manifest(data)
    except ManifestError as error:
        return error.problems
    except Exception as error:  # anything else would be a traceback on somebody's terminal
        return f"{type(error).__name__}: {error}"
    return ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the independent judge makes of a document: the parsed value, if it is JSON, and what is wrong with
    it."""

    value: Json
    faults: tuple[str, ...]

    @property
    def parsed(self) -> bool:
        """Whether it is JSON a manifest may be."""
        return not (self.faults and self.faults[0].startswith("json_"))


def read_independently(data: bytes) -> Reading:
    """Read a document once with the independent reader and judge it."""
    try:
        value = json_text.read(data)
    except json_text.Refused as refusal:
        return Reading(None, (refusal.reason,))
    return Reading(value, manifest.judge_value(value))


def disagreement(
    data: bytes, schema: Accepts, reading: Reading, explained: Callable[[str], None] = lambda _why: None
) -> str | None:
    """A sentence when the three do not agree about ``data`` and no documented reason covers it."""
    problems = parse(data)
    if isinstance(problems, str):
        return f"the parser failed: {problems}"
    if bool(problems) != bool(reading.faults):
        told = problems[0].message if problems else "accepted"
        return f"the parser says {told!r}, the independent judge says {reading.faults or 'accepted'}"
    return misplaced(problems, reading.faults, data) or schema_disagreement(
        reading, problems, schema, explained
    )


def misplaced(problems: tuple[Problem, ...], faults: tuple[str, ...], data: bytes) -> str | None:
    """What is wrong with the place or the code of the parser's problems."""
    lines = data.count(b"\n") + 1
    for problem in problems:
        if not 1 <= problem.line <= lines or problem.column < 1 or not problem.message:
            return f"a problem has no place in the file: {problem}"
    if faults and faults[0].startswith("json_"):
        return (
            None
            if problems[0].code == faults[0]
            else f"the parser says {problems[0].code}, the judge {faults[0]}"
        )
    if faults and not any(related(problem.pointer, fault) for problem in problems for fault in faults):
        return f"the parser points at {problems[0].pointer!r}, the judge at {faults[0]!r}"
    return None


def related(one: str, other: str) -> bool:
    """Tell whether two JSON pointers are the same place or one is inside the other."""
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def schema_disagreement(
    reading: Reading, problems: tuple[Problem, ...], schema: Accepts, explained: Callable[[str], None]
) -> str | None:
    """What is wrong between the parser and the schema, after the documented differences."""
    if not reading.parsed:
        explained("json_")
        return None
    value = reading.value
    accepted = schema(value)
    if accepted == (not problems):
        return None
    if not accepted:
        return "the parser accepts what the published schema refuses"
    reason = next((why for problem in problems if (why := excuse(problem, value)) is None), "")
    if reason is None:
        return f"the schema accepts what the parser refuses: {problems[0].code} at {problems[0].pointer}"
    for problem in problems:
        explained(excuse(problem, value) or "")
    return None


def excuse(problem: Problem, value: Json) -> str | None:  # noqa: PLR0911 - one answer per entry
    """The entry of SCHEMA_CANNOT_SAY that covers a problem, or None."""
    pointer, item = problem.pointer, at_pointer(value, problem.pointer)
    if problem.code == "unsupported":
        return "unsupported"
    if isinstance(item, float) and item.is_integer() and pointer.startswith(NUMBER_FIELDS):
        return "whole numbers"
    if isinstance(item, str) and pointer.startswith(TEXT_FIELDS):
        return "characters"
    if isinstance(item, str) and pointer.startswith(PATH_FIELDS) and len(item.encode()) > 255 >= len(item):
        return "bytes"
    if (
        isinstance(item, str)
        and pointer.startswith(HOST_FIELDS)
        and item.startswith("*.")
        and len(item) > 191
    ):
        return "pattern length"
    if problem.code == "bad_value" and pointer.startswith(CROSS_FIELDS):
        return "another field"
    if problem.code == "bad_value" and pointer.startswith(IDENTITY_FIELDS):
        return "identity"
    return None


def at_pointer(value: Json, pointer: str) -> Json:
    """The value at a JSON pointer, None when there is none."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def document(rng: random.Random) -> tuple[bytes, str]:
    """One document: a third valid, a third changed in structure, a third damaged in its bytes."""
    value = manifests.valid(rng)
    form = rng.randrange(3)
    if form == 0:
        return manifests.dump(rng, value), "valid"
    if form == 1:
        value, what = manifests.mutate(rng, value)
        return manifests.dump(rng, value), what
    return manifest_bytes.damaged(rng, manifests.dump(rng, value))


def unseen() -> Iterator[tuple[dict[str, Json], str]]:
    """Both ends of each row of characters that are drawn as nothing, and what lies beside them, in a text."""
    fields = itertools.cycle(("displayName", "description", "longDescription"))
    hidden = manifest.DRAWN_AS_NOTHING
    edges = {code for code in hidden if not {code - 1, code + 1} <= hidden}
    for code in sorted(edges | {code + side for code in edges for side in (-1, 1)}):
        field = next(fields)
        yield manifests.minimal() | {field: f"No{chr(code)}tes"}, f"U+{code:04X} in {field}"


def shrink(data: bytes, wrong: Callable[[bytes], bool]) -> bytes:
    """A smaller document that still shows the disagreement: fewer keys when it is JSON, else fewer bytes."""
    steps = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(data):
            steps += 1
            if steps > SHRINK_STEPS:
                return data
            if len(candidate) < len(data) and wrong(candidate):
                data, smaller = candidate, True
                break
    return data


def candidates(data: bytes) -> Iterator[bytes]:
    """Smaller versions of a document."""
    try:
        value = json_text.read(data)
    except json_text.Refused:
        size = len(data) // 2
        while size:
            for start in range(0, len(data), size):
                yield data[:start] + data[start + size :]
            size //= 2
        return
    for place in list(manifests.places(value)):
        if place:
            fewer = copy.deepcopy(value)
            del manifests.at(fewer, place[:-1])[place[-1]]
            yield json.dumps(fewer, ensure_ascii=False).encode()


def finding(data: bytes, problem: str, how: str) -> Finding:
    """The finding for one document."""
    return Finding(
        rule_id=RULE,
        message="two readers of one manifest disagree",
        because=problem.encode("utf-8", "backslashreplace").decode(),
        evidence={
            "document": data[:2_000].decode("utf-8", "backslashreplace"),
            "bytes": len(data),
            "made by": how,
        },
        replay={"check": NAME, "case": {"document": base64.b64encode(data[:400_000]).decode()}},
    )


def read_one(tally: Tally, data: bytes, how: str, schema: Accepts) -> None:
    """Give one document to all three."""

    def explained(why: str) -> None:
        tally.explained[why] = tally.explained.get(why, 0) + 1

    tally.documents += 1
    reading = read_independently(data)
    problem = disagreement(data, schema, reading, explained)
    if problem is None:
        tally.accepted += not reading.faults
        return
    if len(tally.findings) < MOST_FINDINGS:
        small = shrink(data, lambda candidate: wrong(candidate, schema) is not None)
        tally.findings.append(finding(small, wrong(small, schema) or problem, how))


def wrong(data: bytes, schema: Accepts) -> str | None:
    """The disagreement about one document, read anew."""
    return disagreement(data, schema, read_independently(data))


def extremes(rng: random.Random) -> Iterator[tuple[bytes, str]]:
    """Documents of extreme size and depth, and the corpus of hostile JSON written out."""
    good = manifests.dump(rng, manifests.minimal())
    yield b" " * LARGE + good, "10 MiB of white space"
    yield b'{"x": "' + b"a" * LARGE + b'"}', "a 10 MiB string"
    yield b"[" * 100_000 + b"]" * 100_000, "arrays nested 100,000 deep"
    yield b'{"a":' * 40_000, "objects nested 40,000 deep, unfinished"
    yield b'{"' + b"a" * 200_000 + b'": 1}', "a very long key"
    yield b"[" + b"0," * 120_000 + b"0]", "a very long array"
    yield (
        good.rstrip()[:-1] + b"".join(b',"k%d":0' % number for number in range(20_000)) + b"}",
        "20,000 unknown keys",
    )


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Read ``profile.fuzz_examples`` generated documents, the extremes, and the target's own manifest."""
    rng = ctx.rng(NAME)
    schema = schema_validator()
    tally = Tally()
    read_one(tally, ctx.target.manifest_bytes, "the target's own", schema)
    for data, how in extremes(rng):
        read_one(tally, data, how, schema)
    for value, how in (*manifests.near(manifests.full()), *unseen()):
        read_one(tally, json.dumps(value, ensure_ascii=False).encode(), how, schema)
    for data, how in manifest_bytes.each_damage(rng, manifests.dump(rng, manifests.minimal())):
        read_one(tally, data, how, schema)
    total = ctx.profile.fuzz_examples
    for number in range(total):
        if len(tally.findings) == MOST_FINDINGS:
            break
        read_one(tally, *document(rng), schema)
        ctx.progress(number, total, "documents")
    refused = tally.documents - tally.accepted
    inconclusive = {}
    if not tally.findings and min(tally.accepted, refused) * 20 < tally.documents:
        inconclusive[RULE] = (
            f"{tally.accepted} of {tally.documents} documents were accepted: one side is too rare"
        )
    told = ", ".join(f"{why}: {count}" for why, count in sorted(tally.explained.items()))
    return CheckResult(
        findings=tuple(tally.findings),
        attempts={RULE: tally.documents},
        inconclusive=inconclusive,
        notes=(
            f"{tally.accepted} documents accepted, {refused} refused by all; the schema differs by {told}",
        ),
    )


def replay(_ctx: Context, case: Mapping[str, Json]) -> CheckResult:
    """Read one document again."""
    tally = Tally()
    read_one(tally, base64.b64decode(case["document"]), "replay", schema_validator())
    return CheckResult(findings=tuple(tally.findings), attempts={RULE: 1})
