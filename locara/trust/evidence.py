"""Evidence against a log: two checkpoints that it signed and that do not belong together, in one file.

Two different roots of one size are a proof that anybody can check with the log's key alone: the log shows
different histories. Two sizes are a report by whoever saw them; the file says which of both it is.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara.trust.checkpoint import Checkpoint
from locara.trust.kept_files import replace_file, unwritable
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note import MAX_NOTE, Note

SCHEMA: Final = "locara-log-evidence/1"
MAX_EVIDENCE: Final = 4 * MAX_NOTE
MAX_FILES: Final = 1_000
_KINDS: Final = frozenset({"fork", "rollback", "inconsistent"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen before and what was shown later, both as notes; `kind` says what is wrong with them.

    `fork`: one size, two roots. `rollback`: the later one is smaller. `inconsistent`: the later one is larger
    and what the log served does not show that it continues the earlier one.
    """

    kind: str
    seen: bytes
    shown: bytes
    time: int

    def write(self, folder: Path) -> Path:
        """Keep it in a folder, once however often it is seen. Returns the file. Raises LogRefused."""
        digest = hashlib.sha256(self.kind.encode() + b"\0" + self.seen + b"\0" + self.shown).hexdigest()
        path = folder / f"{self.kind}-{digest[:16]}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists() or len(list(folder.iterdir())) >= MAX_FILES:
                return path
        except OSError as error:
            raise unwritable(folder, error) from error
        document = {
            "schema": SCHEMA,
            "kind": self.kind,
            "time": self.time,
            "seen": self.seen.decode(),
            "shown": self.shown.decode(),
        }
        replace_file(path, json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n", mode=0o644)
        return path

    @classmethod
    def parse(cls, raw: bytes) -> Evidence:
        """Raises LogRefused `proof_malformed`."""
        try:
            if len(raw) > MAX_EVIDENCE:
                raise ValueError("it is too large")
            document = json.loads(raw.decode())
            found = cls(
                document["kind"], document["seen"].encode(), document["shown"].encode(), document["time"]
            )
            if document["schema"] != SCHEMA or found.kind not in _KINDS or type(found.time) is not int:
                raise ValueError("it is of another kind")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LogRefused(
                f"this is not evidence against a log: {error}", code="proof_malformed"
            ) from error
        return found


def check_evidence(evidence: Evidence, policy: LogPolicy) -> bool:
    """True when the two checkpoints alone prove that the log forked, False when they only report it.

    Raises LogRefused when one of them is not signed by a log of the policy, when they are of two logs, or
    when nothing is wrong with them.
    """
    heads = []
    for raw in (evidence.seen, evidence.shown):
        note = Note.parse(raw)
        head = Checkpoint.parse(note.text)
        logs = tuple(log for log in policy.logs if log.name == head.origin)
        if not logs:
            raise LogRefused(f"{head.origin!r} is not a log of the policy", code="wrong_origin")
        if not note.verify(logs):
            raise LogRefused(f"the checkpoint is not signed by {head.origin}", code="unsigned")
        heads.append(head)
    seen, shown = heads
    if seen.origin != shown.origin:
        raise LogRefused("the two checkpoints are of two logs", code="wrong_origin")
    if seen.size == shown.size and seen.root != shown.root:
        return True
    if seen.size == shown.size or (evidence.kind == "rollback") != (shown.size < seen.size):
        raise LogRefused("nothing is wrong with these two checkpoints", code="proof_malformed")
    return False
