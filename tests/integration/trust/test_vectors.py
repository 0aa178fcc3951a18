"""Our own vectors: every refusal for its reason, and beside each a twin that is believed."""

from __future__ import annotations

import re

import pytest

from fixtures.trust import generate
from fixtures.trust.generate import HERE
from locara.core.digest import Digest
from locara.trust.attestation import Attestation, Expectation
from locara.trust.bundle.instance import TrustInstance
from locara.trust.published import verify_file
from locara.trust.refusal import TrustError
from locara_verify.strategies.bundles import Side, Vector, vectors

VECTORS = vectors(HERE.parent)
INSTANCES: dict[bytes, TrustInstance] = {}


def instance(raw: bytes) -> TrustInstance:
    return INSTANCES.setdefault(raw, TrustInstance.read(raw))


def verify(side: Side) -> Attestation:
    want = Expectation(
        artifact=Digest(side.want["artifact"] or ""),
        source=side.want["source"],
        builder=side.want["builder"],
        identity=side.want["identity"],
        commit=side.want["commit"],
        kinds=frozenset({side.want["kind"] or ""}),
    )
    found = verify_file(side.bundle, instance(side.trust), want, now=side.now, recalled=lambda _: None)
    return found[0].attestation


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_forgery_is_refused_for_its_reason_and_its_twin_is_believed(
    vector: Vector, no_socket: list[str]
) -> None:
    with pytest.raises(TrustError) as caught:
        verify(vector.bad)
    assert caught.value.reason.value == vector.reason, caught.value
    believed = verify(vector.twin)
    assert believed.statement.names(Digest(vector.twin.want["artifact"] or ""))
    assert believed.signer.identity == vector.twin.want["identity"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("key-twice", 'the key "payload" is written twice'),
        ("entry-key-twice", 'the key "logIndex" is written twice'),
        ("index-key-twice", 'the key "signature" is written twice'),
        ("other-spelling-too", "log_index\n  Extra inputs are not permitted"),
        ("unknown-key", "extra\n  Extra inputs are not permitted"),
        ("deep", "nested deeper"),
        ("not-utf8", "the file is not UTF-8"),
        ("something-after", "something follows the end"),
    ],
)
def test_an_edited_text_is_refused_for_what_was_done_to_it(name: str, words: str) -> None:
    (vector,) = (one for one in VECTORS if one.name == name)
    with pytest.raises(TrustError, match=re.escape(words)):
        verify(vector.bad)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len({one.name for one in VECTORS}) == len(VECTORS) >= 200
    assert len({one.reason for one in VECTORS}) >= 30


def test_the_vectors_are_what_their_generator_makes() -> None:
    for name, text in generate.generate().items():
        assert (HERE / name).read_text() == text, f"./dev python -m fixtures.trust.generate ({name})"
