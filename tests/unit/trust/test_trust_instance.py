"""The material a client checks with: complete, of one instance, and not too old."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.trust.generate import HERE
from fixtures.trust.world import NOW
from locara.trust.bundle.instance import TrustInstance, Window, public_good
from locara.trust.refusal import Reason, TrustError

TRUSTS = json.loads((HERE / "trust.json").read_bytes())
PLAIN = TRUSTS["plain"]


def read(value: object) -> TrustInstance:
    return TrustInstance.read(json.dumps(value).encode())


def root(value: Any) -> Any:
    return value["trustedRoot"]


def _merged(value: Any) -> None:
    """The public instance's authorities put into ours: ours could then name any signer of theirs."""
    other = public_good().root
    for kind in ("certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities"):
        root(value)[kind] += other[kind]


EDITS: dict[str, Callable[[Any], Any]] = {
    "merged with the public one": _merged,
    "authority of another host": lambda v: root(v)["certificateAuthorities"].append(
        {**root(v)["certificateAuthorities"][0], "uri": "https://other.example"}
    ),
    "no authority": lambda v: root(v).update(certificateAuthorities=[]),
    "no log": lambda v: root(v).update(tlogs=[]),
    "no certificate log": lambda v: root(v).update(ctlogs=[]),
    "the same log twice": lambda v: root(v)["tlogs"].append(root(v)["tlogs"][0]),
    "a log under another name": lambda v: root(v)["tlogs"][0].update(baseUrl="https://other.example/log"),
    "a log without a start": lambda v: root(v)["tlogs"][0]["publicKey"].update(validFor={}),
    "a time without a zone": lambda v: root(v)["tlogs"][0]["publicKey"].update(
        validFor={"start": "2026-01-01T00:00:00"}
    ),
    "no issuer": lambda v: v.update(issuers=[]),
    "an empty issuer": lambda v: v.update(issuers=[""]),
    "no policy for the log": lambda v: v.update(logPolicy=""),
    "a quorum nobody can meet": lambda v: v.update(logPolicy="group needed 2 w1\nquorum needed\n"),
    "another media type": lambda v: v.update(mediaType="application/json"),
    "an unknown key": lambda v: v.update(alsoTrust="everyone"),
    "no root": lambda v: v.pop("trustedRoot"),
}


@pytest.mark.parametrize("name", EDITS)
def test_material_that_is_not_right_is_refused_whole(name: str) -> None:
    value = copy.deepcopy(PLAIN)
    if name in ("a log under another name",):
        value["logPolicy"] = "quorum none\n"
    EDITS[name](value)
    with pytest.raises(TrustError) as caught:
        read(value)
    assert caught.value.reason is Reason.MATERIAL_UNTRUSTED
    assert caught.value.of_material
    assert read(PLAIN).name == "trust.locara.example"


@pytest.mark.parametrize("edit", [b"\xef\xbb\xbf", b"{}", b"[", b""], ids=["bom", "twice", "list", "empty"])
def test_bytes_that_are_not_one_document_are_refused(edit: bytes) -> None:
    raw = json.dumps(PLAIN).encode()
    with pytest.raises(TrustError) as caught:
        TrustInstance.read(edit + raw if edit else b"")
    assert caught.value.reason is Reason.MATERIAL_UNTRUSTED


def test_a_root_that_the_library_does_not_take_is_material_too() -> None:
    value = copy.deepcopy(PLAIN)
    root(value)["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = "AAAA"
    with pytest.raises(TrustError) as caught:
        read(value).whole()
    assert caught.value.reason is Reason.MATERIAL_UNTRUSTED
    read(PLAIN).whole()


def test_material_is_stale_from_the_moment_it_says() -> None:
    fresh, expired = read(TRUSTS["fresh"]), read(TRUSTS["expired"])
    fresh.fresh(NOW)
    with pytest.raises(TrustError) as caught:
        expired.fresh(NOW)
    assert caught.value.reason is Reason.MATERIAL_STALE
    with pytest.raises(TrustError):
        fresh.fresh(NOW + timedelta(seconds=1))
    read(PLAIN).fresh(NOW + timedelta(days=36500))  # it says nothing of an end


def test_a_window_holds_both_its_ends() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=1)
    second = timedelta(seconds=1)
    window = Window(start, end)
    assert [window.holds(time) for time in (start - second, start, end, end + second)] == [
        False,
        True,
        True,
        False,
    ]
    assert Window(start).holds(start + timedelta(days=36500))


def test_the_public_instance_is_the_one_of_the_package_and_vouches_for_known_services_only() -> None:
    public = public_good()
    assert public.name == "sigstore.dev" and len(public.logs) >= 2
    assert public.issuers == {"https://token.actions.githubusercontent.com", "https://gitlab.com"}
    assert {log.origin.pattern for log in public.logs} == {
        r"rekor\.sigstore\.dev - [0-9]{1,20}",
        r"log2025\-1\.rekor\.sigstore\.dev",
    }
    public.whole()
