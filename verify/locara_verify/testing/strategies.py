"""Hypothesis strategies for an app's own property tests: the attacks of the verifier, made to shrink.

from hypothesis import given
from locara_verify.testing import strategies as locara

@given(locara.paths())
def test_names_of_notes(path): ...
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from locara.core.request import NetRequest, Request
from locara_verify.strategies import hosts as host_atoms
from locara_verify.strategies import manifests as manifest_atoms
from locara_verify.strategies import names as name_atoms
from locara_verify.strategies import paths as path_atoms
from locara_verify.strategies import requests as request_atoms


def ordinary_paths() -> st.SearchStrategy[str]:
    """Portable relative paths, which every folder takes."""
    part = st.sampled_from(("a", "notes", "2026", "today.txt", "draft-1.md", "x_y"))
    return st.lists(part, min_size=1, max_size=4).map("/".join)


def paths(target: str = "secret.txt") -> st.SearchStrategy[str]:
    """Names that have led out of their folder somewhere: climbing, absolute, encoded, foreign, over-long."""
    corpus = sorted(
        {attack.text for attack in path_atoms.corpus((target,))}, key=lambda text: (len(text), text)
    )
    climbs = st.builds(
        lambda depth, separator, end: separator.join([".."] * depth + [end]),
        st.integers(1, 40),
        st.sampled_from(("/", "//", "/./", "\\", "%2f", "∕")),
        st.sampled_from((target, "etc/passwd", "")),
    )
    return st.one_of(
        climbs, st.sampled_from(corpus), _drawn(lambda rng: path_atoms.draw(rng, (target,)).text)
    )


def hosts() -> st.SearchStrategy[str]:
    """Names that no grant of hosts may ever cover: addresses in every spelling, local names, malformed ones."""
    atoms = (*host_atoms.ADDRESSES, *host_atoms.LOCAL_NAMES, *host_atoms.MALFORMED)
    known = [atom for atom in atoms if atom not in host_atoms.ORDINARY_LOOKING]
    octet = st.sampled_from((0, 1, 10, 127, 169, 172, 192, 254, 255))
    address = st.tuples(octet, octet, octet, octet).map(lambda parts: ".".join(map(str, parts)))
    number = st.integers(0, 2**32 - 1).flatmap(
        lambda value: st.sampled_from((str(value), hex(value), oct(value)))
    )
    return st.one_of(address, number, st.sampled_from(known))


def urls(host: str = "example.com") -> st.SearchStrategy[str]:
    """Spellings of an address of ``host`` that some client has read differently from its guard."""
    return st.sampled_from(host_atoms.urls(host))


def command_names() -> st.SearchStrategy[str]:
    """Names that are no command of any app, and look like one."""
    from locara.core.surface import COMMANDS  # noqa: PLC0415 - only this strategy needs the table

    variants = {variant for name in COMMANDS for variant in name_atoms.variants(name)} - set(COMMANDS)
    return st.sampled_from(sorted({*variants, *name_atoms.NOT_NAMES}, key=lambda text: (len(text), text)))


def capabilities() -> st.SearchStrategy[dict[str, Any]]:
    """Valid values of a manifest's ``capabilities``."""
    return _drawn(manifest_atoms.capabilities)


def requests(granted: Mapping[str, Any]) -> st.SearchStrategy[Request]:
    """Questions for the policy near the edges of ``granted`` (a manifest's ``capabilities``)."""
    from locara_verify.checks.decide.translate import to_request  # noqa: PLC0415 - only this strategy needs it

    manifest = {"capabilities": dict(granted)}
    return _drawn(lambda rng: to_request(request_atoms.ask(rng, manifest)))


def net_requests(host: str) -> st.SearchStrategy[NetRequest]:
    """Connections near ``host``: sub-domains, neighbours, look-alikes, other ports."""
    return _drawn(lambda rng: host_atoms.near(rng, (host,))).flatmap(
        lambda name: st.sampled_from((443, 80, 8443, 0, 65535)).map(lambda port: NetRequest(name, port))
    )


def _drawn(make: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a function of a random generator
    return st.integers(0, 2**32 - 1).map(lambda seed: make(random.Random(seed)))  # noqa: S311 - reproducible tests
