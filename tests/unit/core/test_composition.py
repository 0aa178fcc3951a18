"""A tool's rights: what it needs and the app is granted, as laws over generated grants."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.compile import compile_grants
from locara.core.composition import compose
from locara.core.decision import decide
from locara.core.grant import Grants, widening
from locara.core.manifest import parse_manifest
from locara_verify.checks.decide.translate import to_request
from locara_verify.strategies import manifests, requests


def compiled(rng: random.Random) -> tuple[dict[str, object], Grants]:
    value = manifests.valid(rng)
    return value, compile_grants(parse_manifest(manifests.dump(rng, value)))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32))
def test_rights_are_within_both_and_nothing_shared_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    (app_value, app), (tool_value, tool) = compiled(rng), compiled(rng)
    found = compose(app, tool)
    assert widening(app, found.rights) == ()
    assert all(decide(tool, request).allowed for request in widening(Grants.none(), found.rights))
    assert found.rights.tooling == app.tooling & tool.tooling
    assert (found.rights.app_id, found.rights.version) == (app.app_id, app.version), (
        "told as the app's grants"
    )
    assert all(app.origin(grant.kind) == grant.origin for grant in found.rights.grants)
    assert found.complete == (not widening(app, tool) and tool.tooling <= app.tooling)
    for _ in range(6):
        request = to_request(requests.ask(rng, rng.choice((app_value, tool_value))))
        allowed = decide(found.rights, request).allowed
        both = decide(app, request).allowed and decide(tool, request).allowed
        assert both or not allowed
        if both and request.kind not in {"models", "tools"}:
            assert allowed


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_a_tool_that_needs_nothing_gets_nothing_and_one_like_the_app_gets_all(seed: int) -> None:
    _, app = compiled(random.Random(seed))
    none = compose(app, Grants.none("tool/none"))
    assert none.complete and none.rights.grants == () and none.rights.models == {}
    same = compose(app, app)
    assert same.complete and widening(same.rights, app) == ()
    lonely = compose(Grants.none(), app)
    assert lonely.rights.grants == () and bool(lonely.missing) == bool(app.grants)
