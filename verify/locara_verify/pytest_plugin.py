"""The pytest plugin: fixtures that run an app for its tests, and ``pytest --locara``, the verifier's rules as tests.

It is loaded by every pytest run of its environment, so nothing but pytest is imported until something is used.
"""

# ruff: noqa: PLC0415, ANN401 - loading the framework is for tests that use it; hooks take what pytest gives

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from locara.runtime.gate import Gate
    from locara_verify.testing.canary import Canary
    from locara_verify.testing.network import NoNetwork
    from locara_verify.testing.rules import RuleRun
    from locara_verify.testing.sessions import App, Sessions

PROFILES = ("quick", "ci", "strict")
_RUN: pytest.StashKey[RuleRun] = pytest.StashKey()
_SHARED: pytest.StashKey[Path] = pytest.StashKey()

pytest.register_assert_rewrite("locara_verify.testing")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("locara", "Locara apps")
    group.addoption(
        "--locara",
        nargs="?",
        const="quick",
        choices=PROFILES,
        metavar="PROFILE",
        help="also run the verifier's rules on the app, each as a test: quick (default), ci or strict; "
        "write it after the paths",
    )
    group.addoption(
        "--locara-app", metavar="PATH", help="folder of the app (default: $LOCARA_APP, else upwards)"
    )
    group.addoption(
        "--locara-seed", metavar="SEED", help="repeat a run (default: a new one, shown at the top)"
    )
    group.addoption(
        "--locara-only",
        action="append",
        default=[],
        metavar="RULE",
        help="rules by id, slug, area; repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and settle for all processes of the run what they must share."""
    config.addinivalue_line("markers", "locara(rule): put on the item of each of the verifier's rules")
    if config.getoption("locara") is None:
        return
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.option.locara_seed, shared = worker["locara_seed"], worker["locara_shared"]
        config.stash[_SHARED] = Path(shared)
        return
    if config.option.locara_seed is None:
        config.option.locara_seed = f"0x{secrets.randbits(32):x}"
    try:
        int(config.option.locara_seed, 0)
    except ValueError:
        raise pytest.UsageError(f"--locara-seed {config.option.locara_seed!r} is not a number") from None
    config.stash[_SHARED] = Path(tempfile.mkdtemp(prefix="locara-pytest-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of a parallel run (xdist) what is shared."""
    shared = node.config.stash.get(_SHARED, None)
    if shared is not None:
        node.workerinput["locara_seed"] = node.config.option.locara_seed
        node.workerinput["locara_shared"] = str(shared)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what was shared."""
    shared = config.stash.get(_SHARED, None)
    if shared is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(shared, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Profile and seed, so that the run can be repeated."""
    profile = config.getoption("locara")
    if profile is None:
        return None
    return f"locara: profile {profile}, seed {config.option.locara_seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add one item for each rule that fits the app; ``-k`` and ``-m`` choose among them as among tests."""
    profile = config.getoption("locara")
    if profile is None:
        return
    from locara.errors import LocaraError
    from locara_verify.testing.rules import RuleRun

    try:
        app = _app_path(config)
        only = tuple(config.getoption("locara_only"))
        seed = int(config.option.locara_seed, 0)
        run = RuleRun.make(app, profile=profile, seed=seed, only=only, shared=config.stash[_SHARED])
    except LocaraError as error:
        raise pytest.UsageError(f"--locara: {error.diagnostics()}") from None
    config.stash[_RUN] = run
    for rule, slug in run.rules():
        items.append(
            RuleItem.from_parent(session, name=f"{rule} {slug}", nodeid=f"locara::{rule}[{slug}]", rule=rule)
        )


class RuleFailure(Exception):
    """A rule did not hold, or could not be decided; the text says all."""


class RuleItem(pytest.Item):
    """One rule of the verifier as a test."""

    def __init__(self, *, rule: str, **more: Any) -> None:
        super().__init__(**more)
        self.rule = rule
        self.add_marker(pytest.mark.locara(rule=rule))

    def runtest(self) -> None:
        """Judge the rule. What could not be decided is a failure, never a pass."""
        from locara_verify.testing.rules import told
        from locara_verify.verdict import Result

        run = self.config.stash[_RUN]
        if run.is_exclusive(self.rule) and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
            pytest.skip("it measures, and other tests run beside it: run it without -n")
        outcome = run.judge(self.rule)
        self.user_properties += [
            ("locara_rule", self.rule),
            ("locara_attempts", outcome.attempts),
            ("locara_digest", run.subject.digest),
        ]
        if outcome.result not in (Result.PASSED, Result.WARNED):
            raise RuleFailure(told(outcome))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **more: Any) -> Any:
        """The finding as the verifier words it; no trace through its engine."""
        if isinstance(excinfo.value, RuleFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **more)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the rule's subject is, and its name."""
        return self.config.stash[_RUN].subject.path / "locara.json", None, self.name


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What the rules did, in a line, with the digest of what they speak of."""
    if config.getoption("locara") is None:
        return
    facts = [
        dict(report.user_properties)
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call" and any(key == "locara_rule" for key, _ in report.user_properties)
    ]
    if facts:
        attempts = sum(int(fact["locara_attempts"]) for fact in facts)
        terminalreporter.write_line(
            f"locara: {len(facts)} rules, {attempts:,} attempts, profile {config.getoption('locara')}, "
            f"seed {config.option.locara_seed}, {facts[0]['locara_digest']}"
        )


def _app_path(config: pytest.Config) -> Path:
    from locara_verify.testing.sessions import find_app

    return find_app(config.getoption("locara_app"), config.invocation_params.dir)


@pytest.fixture(scope="session")
def locara_app(pytestconfig: pytest.Config) -> App:
    """The app under test: its folder, manifest and grants."""
    from locara.errors import LocaraError
    from locara_verify.testing.sessions import App

    try:
        return App.open(_app_path(pytestconfig))
    except LocaraError as error:
        pytest.fail(error.diagnostics(), pytrace=False)


@pytest.fixture
def locara_session(locara_app: App, tmp_path: Path) -> Iterator[Sessions]:
    """Starts the app in its sandbox: ``locara_session()`` or ``locara_session(grants={…}, picks=[[path]])``."""
    from locara_verify.testing.sessions import Sessions

    sessions = Sessions(locara_app, tmp_path / "locara")
    try:
        yield sessions
    finally:
        sessions.close()


@pytest.fixture
def locara_gate(locara_app: App, tmp_path: Path) -> Iterator[Gate]:
    """The app's gate itself, with an audit log of this test: ``locara_gate.require(NetRequest("x.org", 443))``."""
    from locara.runtime.audit import AuditLog
    from locara.runtime.gate import Gate

    folder = tmp_path / "locara-audit"
    folder.mkdir()
    log = AuditLog.open(folder / "log.jsonl", app=locara_app.grants.app_id)
    try:
        yield Gate(locara_app.grants, log)
    finally:
        log.close()


@pytest.fixture(scope="session")
def attack_paths() -> tuple[str, ...]:
    """Names of files that have led out of their folder somewhere, a few hundred, always the same."""
    from locara_verify.strategies.paths import corpus

    return tuple(attack.text for attack in corpus())


@pytest.fixture(scope="session")
def attack_hosts() -> tuple[str, ...]:
    """Names of hosts that no grant may ever cover: addresses in every spelling, local names, malformed ones."""
    from locara_verify.strategies.hosts import ADDRESSES, LOCAL_NAMES, MALFORMED

    return tuple(dict.fromkeys((*ADDRESSES, *LOCAL_NAMES, *MALFORMED)))


@pytest.fixture
def no_network() -> Iterator[NoNetwork]:
    """The test's own Python has no network: whatever asks for it gets NetworkRefused."""
    from locara_verify.testing.network import refused

    with refused() as state:
        yield state


@pytest.fixture
def canary(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Canary]:
    """Plants secrets outside every grant: ``path = canary()``. Touched or told ones fail the test at its end."""
    from locara_verify.testing.canary import Canary

    sessions = request.getfixturevalue("locara_session") if "locara_session" in request.fixturenames else None
    planted = Canary(tmp_path / "canaries", sessions)
    yield planted
    planted.assert_silent()
