"""Files and manifests that checks write themselves: the right ones are believed, and each lie is another file."""

from __future__ import annotations

import json

import pytest

from locara.core.manifest import parse_manifest
from locara.errors import ManifestError, ModelError
from locara.inference.whisper_file import check_model
from locara_verify.oracle import manifest as oracle
from locara_verify.strategies import manifests, whisper


def test_the_right_speech_model_is_read_and_each_lie_is_refused() -> None:
    right = whisper.write()
    assert check_model(memoryview(right)).file_type == whisper.RIGHT[-1]
    named = set()
    for what, data in whisper.lies():
        assert data != right, what
        named.add(what)
        with pytest.raises(ModelError):
            check_model(memoryview(data))
    assert len(named) > 100


def test_the_full_manifest_has_every_key_and_is_accepted() -> None:
    full = manifests.full()
    assert oracle.judge_value(full) == ()
    made = parse_manifest(json.dumps(full).encode())
    assert made.model_fields_set == set(type(made).model_fields)
    assert made.capabilities.model_fields_set == set(type(made.capabilities).model_fields)


def test_what_lies_near_it_is_accepted_and_refused_as_the_oracle_says() -> None:
    outcomes = []
    for value, what in manifests.near(manifests.full()):
        faults = oracle.judge_value(value)
        try:
            parse_manifest(json.dumps(value).encode())
            refused = False
        except ManifestError:
            refused = True
        assert refused == bool(faults), what
        outcomes.append(refused)
    assert outcomes.count(False) > 50
    assert outcomes.count(True) > 200
