"""The generators: same seed, same inputs; what is called valid is valid, and what is called hostile is
not."""

from __future__ import annotations

import json
import random

import pytest

from locara_verify.oracle import json_text, manifest, policy
from locara_verify.oracle import names as lexical
from locara_verify.strategies import (
    arguments,
    frames,
    hosts,
    manifest_bytes,
    manifests,
    names,
    paths,
    requests,
)


def test_the_same_seed_gives_the_same_inputs() -> None:
    def run(seed: int) -> list[object]:
        rng = random.Random(seed)
        value = manifests.valid(rng)
        return [
            value,
            manifests.mutate(rng, value),
            requests.ask(rng, value),
            paths.draw(rng, ("x",)),
            frames.damaged(rng),
        ]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_valid_manifests_are_valid_and_mutated_ones_mostly_not() -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(300):
        value = manifests.valid(rng)
        assert manifest.judge_value(value) == ()
        assert json_text.read(manifests.dump(rng, value)) == value
        changed, _how = manifests.mutate(rng, value)
        wrong += bool(manifest.judge_value(changed))
        manifest_bytes.damaged(rng, manifests.dump(rng, value))
    assert wrong > 200


def test_both_answers_are_frequent_for_every_kind_of_question() -> None:
    rng = random.Random(5)
    seen: dict[str, set[bool]] = {}
    for _ in range(60):
        value = manifests.valid(rng)
        for _ in range(80):
            ask = requests.ask(rng, value)
            seen.setdefault(ask["kind"], set()).add(policy.judge(value, ask).allowed)
    assert len(seen) == 9
    assert all(answers == {True, False} for answers in seen.values())


def test_ordinary_paths_are_portable_and_attacks_are_many() -> None:
    rng = random.Random(1)
    assert all(lexical.is_portable_path(paths.ordinary(rng)) for _ in range(200))
    corpus = paths.corpus()
    assert len(corpus) > 1_000
    assert len({attack.text for attack in corpus}) == len(corpus)
    refused = [attack for attack in corpus if not lexical.is_portable_path(attack.text)]
    assert len(refused) > 0.8 * len(corpus)


def test_no_spelling_of_a_command_is_the_command() -> None:
    opened = {"app.info", "fs.read", "settings.set"}
    corpus = names.corpus(opened, opened | {"net.fetch"})
    assert not opened & set(corpus)
    assert "net.fetch" in corpus
    assert len(corpus) > 150


def test_hostile_hosts_are_no_hosts() -> None:
    rng = random.Random(2)
    odd = {hosts.hostile(rng) for _ in range(400)}
    accepted = {host for host in odd if lexical.is_host(host)}
    assert accepted <= set(hosts.ORDINARY_LOOKING)
    assert all(lexical.is_host_pattern(hosts.pattern(rng)) for _ in range(300))


@pytest.mark.parametrize("attack", frames.refused(), ids=lambda attack: attack.name)
def test_broken_frames_are_complete_and_say_what_must_come_back(attack: frames.Attack) -> None:
    assert len(attack.data) == 4 + int.from_bytes(attack.data[:4], "big")
    assert attack.codes


def test_streams_without_frames_announce_too_much() -> None:
    assert all(int.from_bytes(attack.data[:4], "big") > frames.MAX_FRAME for attack in frames.fatal())


SCHEMA = {
    "type": "object",
    "properties": {
        "root": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 3},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "mode": {"enum": ["a", "b"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["root", "count"],
    "$defs": {"Item": {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}},
}


def test_examples_fit_their_schema_and_every_text_place_is_found() -> None:
    assert arguments.example(SCHEMA, SCHEMA, all_fields=False) == {"root": "a", "count": 3}
    assert arguments.example(SCHEMA, SCHEMA)["items"] == [{"sql": "a"}]
    places = set(arguments.texts(SCHEMA, SCHEMA))
    assert {("root",), ("items", 0, "sql"), ("either",)} <= places


def test_put_makes_what_is_missing_and_leaves_the_original() -> None:
    value = {"a": [1]}
    assert arguments.put(value, ("b", 0, "c"), "x") == {"a": [1], "b": [{"c": "x"}]}
    assert value == {"a": [1]}


def test_confused_arguments_differ_from_the_ordinary_ones() -> None:
    rng = random.Random(4)
    base = {"root": "a", "count": 3}
    changed = [arguments.confuse(rng, base)[0] for _ in range(50)]
    assert sum(json.dumps(value) != json.dumps(base) for value in changed) >= 45
