"""What stands in a line of the consent text, read back: each object of a power, with its ports, uses and partners.

The lines are taken apart as a person reads them, and what was read is compared with the manifest. Of more than
twelve names, twelve are named and the others counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

NAMED: Final = 12
HTTPS: Final = frozenset({443})
_SPANS = r"[0-9]+(?:-[0-9]+)?(?:, [0-9]+(?:-[0-9]+)?)*"
_HOST = re.compile(
    rf"(?P<host>(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?: on (?:port (?P<ports>{_SPANS})|(?P<all>every port)))?"
)
_MORE = re.compile(r" and ([0-9]+) more$")
_SHARED = re.compile(r"(read and change|read|change) (\S+) \(with ([^)]+)\)")

Json = Any


def misnamed(capabilities: Mapping[str, Json], by_key: Mapping[str, str]) -> Iterator[str]:
    """What the lines of a text, by the key of their power, leave out, add or tell otherwise."""
    for key, line in by_key.items():
        read = _READERS.get(key)
        if read is not None:
            yield from read(line, capabilities[key])


def narrowest(hosts: Sequence[str]) -> set[str]:
    """The patterns that no other one covers."""
    wide = [(host, host[1:]) for host in hosts if host.startswith("*.")]
    return {
        host
        for host in hosts
        if not any(host != other and host.removeprefix("*.").endswith(end) for other, end in wide)
    }


def _counted(body: str, wanted: int) -> tuple[str, str]:
    """A list without its count of further names, and what is wrong with that count."""
    found = _MORE.search(body)
    body, more = (body[: found.start()], int(found[1])) if found else (body, 0)
    told = "" if more == max(0, wanted - NAMED) else f"it counts {more} further names of {wanted}"
    return body, told


def _names(body: str, wanted: set[str], what: str) -> Iterator[str]:
    body, problem = _counted(body, len(wanted))
    if problem:
        yield problem
    named = body.split(", ")
    if len(named) != len(set(named)) or len(named) != min(len(wanted), NAMED) or not set(named) <= wanted:
        yield f"the {what} that it names are not those that are declared: {body[:120]}"


def _net(line: str, net: Json) -> Iterator[str]:
    if net is True:
        if line != "connect to every host on the internet, on every port":
            yield "it does not say that every host can be reached"
        return
    body, end = line.removeprefix("connect to "), ", and to no other host"
    if not body.endswith(end):
        yield "it does not say that no other host can be reached"
    wanted, ports = narrowest(net["allowed_hosts"]), frozenset(net.get("allowed_ports", HTTPS))
    body, problem = _counted(body.removesuffix(end), len(wanted))
    if problem:
        yield problem
    at, named = 0, []
    while (found := _HOST.match(body, at)) is not None:
        named.append(found["host"])
        told = _ports(found["ports"]) if found["ports"] else HTTPS
        if found["all"] or told != ports:
            yield f"the ports that it names for {found['host'][:80]} are not those that are declared"
        at = found.end() + len(", ")
    if at != len(body) + len(", "):
        yield f"what it says about hosts cannot be read: {body[max(0, at - 2) :][:80]}"
    if len(named) != len(set(named)) or len(named) != min(len(wanted), NAMED) or not set(named) <= wanted:
        yield f"the hosts that it names are not those that are declared: {', '.join(named)[:120]}"


def _ports(spans: str) -> frozenset[int]:
    ports: set[int] = set()
    for span in spans.split(", "):
        first, _, last = span.partition("-")
        ports.update(range(int(first), int(last or first) + 1))
    return frozenset(ports)


def _external(line: str, value: Json) -> Iterator[str]:
    body = line.removeprefix("open web pages of ").removesuffix(" in your browser")
    yield from _names(body, narrowest(value["hosts"]), "hosts")


def _pins(line: str, value: Json) -> Iterator[str]:
    yield from _names(line.partition(": ")[2], {pin.partition("@")[0] for pin in value}, "names")


def _access(line: str, value: Json) -> Iterator[str]:
    if line.startswith("read and change") != (value == "read-write"):
        yield "the access to files is not the declared one"


def _folders(line: str, value: Json) -> Iterator[str]:
    told = line.removeprefix("at any time, ").split("; ")
    wanted = [
        f"{_verb(access)} everything in your {folder.capitalize()} folder" for folder, access in value.items()
    ]
    if sorted(told) != sorted(wanted):
        yield f"the folders that it names are not those that are declared: {line[:160]}"


def _shared(line: str, value: Json) -> Iterator[str]:
    wanted = {folder["id"]: folder for folder in value}
    told = line.partition(": ")[2].split("; ")
    if len(told) != len(wanted):
        yield f"it names {len(told)} shared folders of {len(wanted)}"
    for item in told:
        found = _SHARED.fullmatch(item)
        folder = wanted.get(found[2]) if found else None
        if found is None or folder is None:
            yield f"what it says about shared folders cannot be read: {item[:80]}"
            continue
        if found[1] != _verb(folder["access"]):
            yield f"the access to the shared folder {found[2]} is not the declared one"
        yield from _names(found[3], set(folder["with"]), f"apps that share {found[2]}")


def _clipboard(line: str, value: Json) -> Iterator[str]:
    uses = [verb for verb, key in (("read", "read"), ("change", "write")) if value.get(key)]
    if line != f"{' and '.join(uses)} the clipboard":
        yield "what it says about the clipboard is not what is declared"


def _notifications(line: str, value: Json) -> Iterator[str]:
    if line.removeprefix("notify you by ").split(", ") != sorted(value["modes"]):
        yield "the ways to notify are not those that are declared"


def _background(line: str, value: Json) -> Iterator[str]:
    goes_on = "go on working while its window is closed" in line
    if goes_on != (value["mode"] == "active"):
        yield "how it may run in the background is not what is declared"
    reasons = value.get("reasons", ())
    if line.count('"') != 2 * len(reasons) or any(f'"{reason}"' not in line for reason in reasons):
        yield "a reason for running in the background is left out, or made up"


def _verb(access: str) -> str:
    return "read and change" if access == "read-write" else "read"


_READERS: Final = {
    "net": _net,
    "fs.user-selected": _access,
    "fs.app-data": _access,
    "fs.user-paths": _folders,
    "models": _pins,
    "tools": _pins,
    "shared-folders": _shared,
    "clipboard": _clipboard,
    "notifications": _notifications,
    "background": _background,
    "open-external": _external,
}
