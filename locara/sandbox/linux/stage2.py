"""The first program inside the sandbox: closes the last layers, reads all of them back, then runs the
payload.

Started by `python -I -S -B -c` with CONFIG, so no site file, .pth line or PYTHON* variable runs before
it. It reports over the broker's socket and refuses, with exit code 125, when the kernel does not confirm a
layer the plan requires.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import socket
import sys
from typing import Any, Final

REFUSED: Final = 125
# Numbers about the whole machine, read to choose an engine's code and to unload idle models in time.
_PROC_FILES: Final = ("/proc/cpuinfo", "/proc/meminfo", "/proc/pressure/memory")


def _listener(port: int) -> socket.socket:
    # Born here, so it belongs to this network namespace whoever accepts on it.
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def _close_layers(
    config: dict[str, Any], listener: socket.socket | None
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Apply Landlock and the second filter; return (faults by layer, report)."""
    from locara.sandbox.linux import landlock, readback, seccomp  # noqa: PLC0415 - the import path is set only now

    faults: dict[str, list[str]] = {}
    here = readback.namespace_ids()
    for name in readback.NAMESPACES:
        faults[name] = readback.namespace_faults(name, config["host_namespaces"], here)
    faults["binds"] = readback.bind_faults(config["binds"])
    faults["env"] = readback.environment_faults(config["environment"])
    known = (0, 1, 2, config["broker_fd"]) + (() if listener is None else (listener.fileno(),))
    faults["fds"] = readback.descriptor_faults(known)
    faults["identity"] = readback.identity_faults(readback.status())
    version = 0
    open_before = readback.sentinel_readable()
    policy = config["landlock"]
    if policy is not None:
        numbers = [[path, "read"] for path in _PROC_FILES if os.access(path, os.R_OK)]
        own = [[f"/proc/{os.getpid()}", "read"], *numbers]
        paths = tuple((path, access) for path, access in [*policy["paths"], *own])
        version = landlock.restrict(landlock.Policy(paths, tuple(policy["connect_ports"])))
    faults["landlock"] = []
    if not open_before:
        faults["landlock"].append("the sentinel was closed before the domain held, so it proves nothing")
    if readback.sentinel_readable():
        faults["landlock"].append("a file outside the domain still opens")
    facts = readback.status()
    faults["seccomp"] = readback.seccomp_faults(facts)
    faults["capabilities"] = readback.capability_faults(facts)
    if config["exec_filter"]:
        seccomp.install(seccomp.exec_program())
    faults["exec"] = readback.exec_faults()
    report = {
        "landlock_abi": version,
        "seccomp_filters": int(facts.get("Seccomp_filters", "0")),
    }
    return faults, report


def main() -> None:
    """Prove the layers or refuse; then become the payload."""
    config = json.loads(sys.argv[1])
    sys.path[:0] = config["import_path"]
    control = socket.socket(fileno=config["broker_fd"])
    listener = None
    try:
        resource.setrlimit(
            resource.RLIMIT_CORE, (0, 0)
        )  # a core file would leave the sandbox through core_pattern
        listener = _listener(config["proxy_port"]) if config["proxy_port"] else None
        faults, report = _close_layers(config, listener)
    except Exception as error:
        faults, report = {"stage2": [f"{type(error).__name__}: {error}"]}, {}
    required = {*config["required"], "stage2"}
    missing = {layer: texts for layer, texts in faults.items() if texts and layer in required}
    if missing:
        control.sendall(json.dumps({"refused": missing}).encode())
        os._exit(REFUSED)
    proven = sorted(layer for layer, texts in faults.items() if not texts)
    message = json.dumps({"ready": {**report, "proven": proven}}).encode()
    if listener is None:
        control.sendall(message)
    else:
        socket.send_fds(control, [message], [listener.fileno()])
        listener.close()
    control.detach()
    sys.argv = [config["payload"], *config["args"]]
    runpy.run_module(config["payload"], run_name="__main__", alter_sys=True)
