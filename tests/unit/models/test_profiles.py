import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.manifest import Manifest, parse_manifest
from locara.models.profiles import GIB, Choice, choose, ram_bytes

PINS = {
    name: f"{name}@sha256:{index:064x}" for index, name in enumerate(("shared", "small", "middle", "large"))
}


def manifest(profiles: dict[str, object]) -> Manifest:
    document = {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "acme",
        "version": "1.0.0",
        "displayName": "Probe",
        "description": "A probe.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "a@example.com"},
        "icon": "icon.png",
        "screenshots": ["one.png"],
        "category": "utilities",
        "capabilities": {"models": list(PINS.values())},
        "profiles": profiles,
    }
    return parse_manifest(json.dumps(document).encode())


THREE = {
    "low": {"min_ram_gb": 4, "models": [PINS["small"]]},
    "mid": {"min_ram_gb": 8, "models": [PINS["middle"]]},
    "high": {"min_ram_gb": 32, "models": [PINS["large"], PINS["middle"]]},
}


@pytest.mark.parametrize(
    ("gib", "name", "fits", "models"),
    [
        (2, "low", False, ["shared", "small"]),
        (4, "low", True, ["shared", "small"]),
        (7, "low", True, ["shared", "small"]),
        (7.3, "mid", True, ["shared", "middle"]),
        (8, "mid", True, ["shared", "middle"]),
        (31, "high", True, ["shared", "middle", "large"]),
        (64, "high", True, ["shared", "middle", "large"]),
        (0, "low", False, ["shared", "small"]),
    ],
)
def test_memory_decides(gib: float, name: str, fits: bool, models: list[str]) -> None:
    choice = choose(manifest(THREE), int(gib * GIB))
    assert (choice.profile, choice.fits, [pin.id for pin in choice.models]) == (name, fits, models)
    assert choice.ids == set(models)


def test_without_profiles_every_model_is_needed() -> None:
    choice = choose(manifest({}), 1)
    assert choice == Choice(None, True, None, choice.models)
    assert [str(pin) for pin in choice.models] == list(PINS.values())


def test_of_equal_demands_the_higher_name_wins() -> None:
    same = {
        name: {"min_ram_gb": 4, "models": [PINS[model]]}
        for name, model in (("high", "large"), ("low", "small"))
    }
    assert choose(manifest(same), 4 * GIB).profile == "high"


def test_names_do_not_order_profiles() -> None:
    odd = {
        "low": {"min_ram_gb": 16, "models": [PINS["large"]]},
        "high": {"min_ram_gb": 2, "models": [PINS["small"]]},
    }
    assert choose(manifest(odd), 4 * GIB).profile == "high"
    assert choose(manifest(odd), 16 * GIB).profile == "low"


PARSED = manifest(THREE)


@given(st.integers(0, 1 << 45), st.integers(0, 1 << 45))
@settings(deadline=None, max_examples=100)
def test_more_memory_never_chooses_a_smaller_profile(first: int, second: int) -> None:
    less, more = sorted((first, second))
    small, large = choose(PARSED, less), choose(PARSED, more)
    assert (small.min_ram_gb or 0) <= (large.min_ram_gb or 0)
    assert {str(pin) for pin in large.models} <= set(PARSED.capabilities.models)


def test_this_machine_has_memory() -> None:
    assert ram_bytes() > 100 << 20
