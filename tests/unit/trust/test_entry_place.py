"""The checkpoint's origin at an older log, whose key is ECDSA: there no note key repeats the check."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from locara.trust.bundle.entry import SeenEntry, check_place
from locara.trust.bundle.instance import Log, TrustInstance, Window
from locara.trust.checkpoint import Checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.note import sign_note
from locara.trust.note_keys import ED25519, SigningKey
from locara.trust.refusal import Reason, TrustError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = Checkpoint("log.example - 12", 9, bytes(range(32)))
LOG = Log(b"id", re.compile(re.escape("log.example") + r" - [0-9]{1,20}"), None, "00", Window(NOW))
INSTANCE = TrustInstance("example", {}, frozenset({"issuer"}), (LOG,), LogPolicy(()))


def entry(origin: str) -> SeenEntry:
    key = SigningKey("log.example", ED25519, bytes(32))  # the library judges this line, not `check_place`
    note = sign_note(replace(HEAD, origin=origin).text, key)
    root = base64.b64encode(HEAD.root).decode()
    proof = {"logIndex": 3, "rootHash": root, "treeSize": 9, "checkpoint": {"envelope": note.raw.decode()}}
    kind = {"kind": "dsse", "version": "0.0.1"}
    value = {"logIndex": 3, "logId": {"keyId": "aWQ="}, "kindVersion": kind, "inclusionProof": proof}
    return SeenEntry.model_validate(value)


@pytest.mark.parametrize("origin", ["log.example - 12", "log.example - 0"])
def test_any_tree_of_the_host_is_the_log(origin: str) -> None:
    assert check_place(entry(origin), LOG, INSTANCE, NOW).origin == origin


@pytest.mark.parametrize(
    "origin",
    ["other.example - 12", "log.example", "log.example - 12x", "xlog.example - 12", "logxexample - 12"],
)
def test_another_origin_is_another_log(origin: str) -> None:
    with pytest.raises(TrustError) as caught:
        check_place(entry(origin), LOG, INSTANCE, NOW)
    assert caught.value.reason is Reason.CHECKPOINT_ORIGIN
