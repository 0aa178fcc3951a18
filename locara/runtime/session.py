"""One running app: everything its commands may use, opened in one place and closed in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final, Self

from locara.core.grant import Grants
from locara.core.surface import COMMANDS, NOT_HERE, command_table
from locara.errors import CallError
from locara.records import dataclass
from locara.runtime.app_home import AppHome
from locara.runtime.audit import AuditLog
from locara.runtime.awake import Admitted
from locara.runtime.background import Background
from locara.runtime.devices import Devices
from locara.runtime.files import Files
from locara.runtime.gate import Gate
from locara.runtime.loaded_models import LoadedModels, below
from locara.runtime.loaded_tools import LoadedTools
from locara.runtime.pressure import gauge
from locara.runtime.programs import Beside
from locara.runtime.standing import Asleep, sleeping
from locara.runtime.subscriptions import Subscriptions
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.profile import APP, DATA, MODELS, ROOTS, TOOLS
from locara.storage.store import Store

_LIFE: Final = "runtime"
_STOPPED: Final = "runtime.stop"


VECTORS: Final = "tmp/vectors"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a session finds the app, its data, its models and the person's folders."""

    app: Path
    home: AppHome
    models: Path
    tools: Path
    user_roots: Path

    @classmethod
    def inside(cls) -> Self:
        """The places as every sandbox shows them."""
        return cls(Path(APP), AppHome(Path(DATA)), Path(MODELS), Path(TOOLS), Path(ROOTS))


@dataclass(frozen=True, slots=True)
class Session:
    """What the commands of one app are given. Powers are used only after `gate.require`."""

    admitted: Admitted
    gate: Gate
    audit: AuditLog
    store: Store
    files: Files
    models: LoadedModels
    tools: LoadedTools
    beside: Beside
    commands: frozenset[str]
    broker: BrokerClient
    devices: Devices
    subscriptions: Subscriptions
    background: Background = field(default_factory=Background)

    @property
    def grants(self) -> Grants:
        """The Grants of the app."""
        return self.admitted.grants

    @property
    def asleep(self) -> Asleep:
        """What sleeps while the app runs."""
        return self.admitted.asleep

    def absent(self, cmd: str) -> CallError:
        """Record the call of a command that this app does not have, and the error that answers it."""
        spec = COMMANDS.get(cmd)
        if spec is None:
            because = NOT_HERE.get(cmd.partition(".")[0], "no version of this runtime has such a command")
            self.gate.record_refusal(cmd, capability="none", because=because)
            return CallError("there is no such command", code="unknown_command", because=because)
        because, fix = f"the manifest of {self.grants.app_id} does not declare {spec.capability}", spec.fix
        wakes = self.asleep.command(cmd)
        if wakes is not None:
            because, fix = sleeping(f"{spec.capability} is declared", wakes)
        self.gate.record_refusal(cmd, capability=spec.capability, because=because)
        return CallError(
            f"this app has no command {cmd}",
            code="unknown_command",
            capability=spec.capability,
            because=because,
            fix=fix,
        )


@contextmanager
def open_session(
    places: Places,
    *,
    admitted: Admitted,
    broker: BrokerClient,
    clock: Callable[[], float] = time.time,
) -> Iterator[Session]:
    """Open the session of an app that was admitted and, at the end, close it and record that it ended in order.

    Raises AuditError (damaged chain, app already running) and StorageError before anything is served.
    """
    grants = admitted.grants
    with ExitStack() as stack:
        audit = AuditLog.open(places.home.audit_log, app=grants.app_id, clock=clock)
        stack.callback(audit.close)
        _record_start(audit, grants)
        schema = places.app / "db"
        store = Store.open(
            places.home.database,
            schema_dir=schema if schema.is_dir() else None,
            quota_mb=grants.quota_mb,
            clock=lambda: int(clock() * 1_000),
            zvec_folder=places.home.path / VECTORS if grants.vector_engine == "zvec" else None,
        )
        stack.callback(store.close)
        models = LoadedModels(grants, below(places.models), gauge=gauge())
        stack.callback(models.close)
        tools = LoadedTools(grants, places.tools, places.home)
        stack.callback(tools.close)
        files = Files(grants, app_data=places.home.files, user_roots=places.user_roots, broker=broker)
        gate = Gate(grants, audit, asleep=admitted.asleep)
        devices = Devices(broker)
        stack.callback(devices.close)
        yield Session(
            admitted,
            gate,
            audit,
            store,
            files,
            models,
            tools,
            Beside(broker),
            command_table(grants),
            broker,
            devices,
            Subscriptions(store.settings),
        )
        audit.append(_STOPPED, _LIFE, {}, allowed=True, because="the input ended")


def _record_start(audit: AuditLog, grants: Grants) -> None:
    """One entry that names the manifest which rules this session, and how the last session ended."""
    last = audit.tail(1)
    previous = "none" if not last else "stopped" if last[0]["cmd"] == _STOPPED else "interrupted"
    audit.append(
        "runtime.start",
        _LIFE,
        {
            "manifest": str(grants.manifest_digest),
            "version": grants.version,
            "previous": previous,
        },
        allowed=True,
        because="the app was started",
    )
