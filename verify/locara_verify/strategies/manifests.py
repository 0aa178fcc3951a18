"""Manifests: a generator of valid ones, and mutators of their structure."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from locara_verify.strategies import hosts, paths

Json = Any

ACCESS = ("read", "read-write")
USER_PATHS = ("documents", "downloads", "desktop", "pictures", "music", "movies")
PARTNERS = ("acme/notes", "b/c-2", "x/y")
CATEGORIES = (
    "productivity",
    "creative",
    "developer",
    "education",
    "utilities",
    "media",
    "communication",
    "finance",
    "health",
    "games",
)
LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-only", "ISC", "MPL-2.0")
TEXTS = ("Notes", "Ask your files", "Ünïcode ✓", "数据", "A-b_c (d) & e!", "Résumé — reader", "emoji 😀 fine")
PATHS = ("icon.png", "public/icon.png", "shots/one.png", "shots/two.jpg", "dist/index.html", "a/b/c.png")


def pin(rng: random.Random, name: str) -> str:
    """A model or tool pin for ``name`` with a random digest."""
    return f"{name}@sha256:{rng.getrandbits(256):064x}"


def pins(rng: random.Random, most: int) -> list[str]:
    """Up to ``most`` pins with distinct ids."""
    names = rng.sample(
        ("chat-b", "minilm-l6", "m1", "llama.3_2-1b", "a", "x" * 64, "0q", "q-4.k_m"), rng.randint(0, most)
    )
    return [pin(rng, name) for name in names]


def minimal() -> dict[str, Json]:
    """The smallest manifest: every required field, no power."""
    return {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "verifier",
        "version": "1.0.0",
        "displayName": "Probe",
        "description": "A probe.",
        "license": "MIT",
        "author": {"name": "Verifier", "email": "verify@example.com"},
        "icon": "icon.png",
        "screenshots": ["shot.png"],
        "category": "utilities",
        "capabilities": {},
    }


def capabilities(rng: random.Random) -> dict[str, Json]:
    """Random capabilities; each key is present about half of the time, with every legal form of its value."""
    value: dict[str, Json] = {}

    def sometimes(key: str, make: Json) -> None:
        if rng.random() < 0.5:
            value[key] = make

    sometimes("net", net(rng))
    sometimes("fs.user-selected", rng.choice((False, *ACCESS)))
    sometimes("fs.app-data", rng.choice((False, *ACCESS)))
    sometimes(
        "fs.user-paths", {name: rng.choice(ACCESS) for name in rng.sample(USER_PATHS, rng.randint(0, 4))}
    )
    for device in ("microphone", "camera", "system-audio"):
        sometimes(f"device.{device}", rng.random() < 0.5)
    sometimes("models", pins(rng, 4))
    sometimes("tools", pins(rng, 3))
    sometimes(
        "shared-folders",
        [
            {"id": name, "with": rng.sample(PARTNERS, rng.randint(1, 3)), "access": rng.choice(ACCESS)}
            for name in rng.sample(("inbox", "out-2", "x"), rng.randint(0, 3))
        ],
    )
    sometimes("clipboard", {key: rng.random() < 0.5 for key in ("read", "write")})
    sometimes("notifications", {"modes": rng.sample(("alert", "badge", "sound"), rng.randint(1, 3))})
    mode = rng.choice((False, "passive", "active"))
    sometimes("background", {"mode": mode, "reasons": ["index new files"]} if mode else {"mode": False})
    sometimes("open-external", {"hosts": host_list(rng)})
    keys = list(value)
    rng.shuffle(keys)
    return {key: value[key] for key in keys}


def net(rng: random.Random) -> Json:
    """A legal value of ``net``; lists of hosts are the likely ones."""
    form = rng.random()
    if form < 0.15:
        return False
    if form < 0.3:
        return True
    value: dict[str, Json] = {"allowed_hosts": host_list(rng)}
    if rng.random() < 0.5:
        value["allowed_ports"] = rng.sample((1, 80, 443, 444, 8080, 8443, 65535), rng.randint(1, 4))
    return value


def host_list(rng: random.Random) -> list[str]:
    """One to five distinct host patterns."""
    return list(dict.fromkeys(hosts.pattern(rng) for _ in range(rng.randint(1, 5))))


def plenty(rng: random.Random) -> dict[str, Json]:
    """A manifest that declares as many objects of each power as may be, or nearly: what a short text leaves out."""
    value = minimal()
    names = [f"{letter}{number}" for letter in "abcd" for number in range(16)]
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 56, "test"])
    some = [hosts.pattern(rng) for _ in range(rng.randint(0, 20))]
    ports = rng.sample(range(1, 65_536), rng.choice((1, 5, 40, 200)))
    if rng.random() < 0.5:  # neighbours, which are told as one span
        ports = sorted({port for port in ports[:100] for port in (port, min(port + 1, 65_535))})
    value["capabilities"] = {
        "net": {"allowed_hosts": list(dict.fromkeys([longest, *some])), "allowed_ports": ports},
        "fs.user-paths": {name: rng.choice(ACCESS) for name in rng.sample(USER_PATHS, rng.randint(1, 6))},
        "models": [pin(rng, name) for name in rng.sample(names, rng.randint(1, 64))],
        "tools": [pin(rng, name) for name in rng.sample(names, rng.randint(1, 64))],
        "shared-folders": [
            {
                "id": name,
                "with": rng.sample([f"acme/{other}" for other in names], rng.randint(1, 16)),
                "access": rng.choice(ACCESS),
            }
            for name in rng.sample(names, rng.randint(1, 16))
        ],
        "notifications": {"modes": rng.sample(("alert", "badge", "sound"), rng.randint(1, 3))},
        "background": {
            "mode": rng.choice(("passive", "active")),
            "reasons": [
                f"{name} {'x' * rng.randint(1, 130)}" for name in rng.sample(names, rng.randint(0, 5))
            ],
        },
        "open-external": {"hosts": list(dict.fromkeys([longest, *some]))},
    }
    return value


def valid(rng: random.Random) -> dict[str, Json]:
    """A random manifest which must be accepted."""
    value = minimal()
    value["name"] = rng.choice(("probe", "a", "x-1", "a" * 64, "notes2"))
    value["publisher"] = rng.choice(("verifier", "acme", "b", "a-b"))
    value["version"] = rng.choice(("0.0.0", "1.2.3", "10.20.30", "0.1.0"))
    value["displayName"] = rng.choice((*TEXTS, "x" * 40))
    value["description"] = rng.choice((*TEXTS, "y" * 140))
    value["license"] = rng.choice(LICENSES)
    value["category"] = rng.choice(CATEGORIES)
    value["screenshots"] = rng.sample(PATHS, rng.randint(1, 5))
    value["capabilities"] = capabilities(rng)
    decorate(rng, value)
    return value


def decorate(rng: random.Random, value: dict[str, Json]) -> None:
    """Add optional parts, keeping the rules that hold between fields."""
    models, tools = (value["capabilities"].get(key, []) for key in ("models", "tools"))
    choices: tuple[str, ...] = ("vector.search", "ocr", "audio.synthesize")
    choices += ("code-exec.javascript", "code-exec.python") if tools else ()
    tooling = rng.sample(choices, rng.randint(1, 2))
    modalities: tuple[str, ...] = ("image-to-text", "text-to-speech")
    if models:
        modalities += ("text-to-text", "text-to-text-thinking", "text-to-embedding", "speech-to-text")
    value["modalities"] = rng.sample(modalities, rng.randint(0, len(modalities)))
    if models and rng.random() < 0.3:
        value["profiles"] = {
            "low": {
                "min_ram_gb": rng.choice((1, 8, 1024)),
                "models": rng.sample(models, rng.randint(1, len(models))),
            }
        }
    for key, make in (
        ("longDescription", "First line.\n\n- point\n\tindented"),
        ("homepage", "https://example.com/app?x=1#y"),
        ("repository", "https://git.example.org/acme/app"),
        ("tags", rng.sample(("notes", "pdf", "ai-1", "offline"), rng.randint(0, 4))),
        ("entry", "dist/index.html"),
        ("build", {"tool": rng.choice(("vite", "none")), "out": "dist"}),
        ("tooling", tooling),
        (
            "storage",
            {
                "vector": {"engine": rng.choice(("sqlite-vec", "zvec"))},
                "quota_mb": rng.choice((1, 512, 1_048_576)),
            },
        ),
    ):
        if rng.random() < 0.3:
            value[key] = make


def full() -> dict[str, Json]:
    """A manifest with every key that one may have, which must be accepted."""
    models = [f"{name}@sha256:{name[0] * 64}" for name in ("chat-b", "embed")]
    return minimal() | {
        "longDescription": "Line.",
        "homepage": "https://example.com/app",
        "repository": "https://example.com/code",
        "author": {"name": "Verifier", "email": "verify@example.com", "url": "https://example.com/"},
        "screenshots": ["shot.png", "other.png"],
        "tags": ["notes", "pdf"],
        "modalities": ["text-to-text", "image-to-text"],
        "tooling": ["ocr", "code-exec.python"],
        "entry": "dist/index.html",
        "build": {"tool": "none", "out": "dist"},
        "storage": {"vector": {"engine": "sqlite-vec"}, "quota_mb": 512},
        "profiles": {
            "low": {"min_ram_gb": 4, "models": models[:1]}, "mid": {"min_ram_gb": 8, "models": models},
            "high": {"min_ram_gb": 16, "models": models[1:]},
        },
        "capabilities": {
            "net": {"allowed_hosts": ["api.example.com", "*.example.org"], "allowed_ports": [443, 8443]},
            "fs.user-selected": "read", "fs.app-data": "read-write",
            "fs.user-paths": dict.fromkeys(USER_PATHS, "read"),
            "device.microphone": True, "device.camera": True, "device.system-audio": True,
            "models": models, "tools": [f"code@sha256:{'a' * 64}", f"text@sha256:{'b' * 64}"],
            "shared-folders": [
                {"id": "inbox", "with": ["acme/notes", "b/c-2"], "access": "read"},
                {"id": "outbox", "with": ["acme/notes"], "access": "read-write"},
            ],
            "clipboard": {"read": True, "write": True}, "notifications": {"modes": ["alert", "sound"]},
            "background": {"mode": "active", "reasons": ["one", "two"]},
            "open-external": {"hosts": ["example.com", "*.example.org"]},
        },
    }  # fmt: skip


def near(value: dict[str, Json]) -> Iterator[tuple[dict[str, Json], str]]:
    """Every manifest that differs from a full one in one place: null, left out, written twice, a number beside; and
    every rule between two fields broken alone, beside a twin that keeps it."""
    for place in places(value):
        if not place:
            continue
        here = at(value, place)
        ways: list[tuple[str, Json]] = [("null", None)]
        if isinstance(here, list):
            ways += [("its first twice", [*here, copy.deepcopy(here[0])]), ("nothing in it", [])]
        elif isinstance(here, int) and not isinstance(here, bool):
            numbers: tuple[Json, ...] = (float(here), str(here), True, -here, 0)
            ways += [(f"{here} as {other!r}", other) for other in numbers]
        elif isinstance(here, bool):
            words: tuple[Json, ...] = (1, 0, "true", "False", [])
            ways += [(f"{here} as {other!r}", other) for other in words]
        elif place[0] == "capabilities":  # where a word may stand, false often may, which 0 compares equal to
            ways += [(f"{here} as {other!r}", other) for other in (0, 0.0, False, 1)]
        for what, other in ways:
            yield _with(value, place, other), f"{place}: {what}"
        fewer = copy.deepcopy(value)
        del at(fewer, place[:-1])[place[-1]]
        yield fewer, f"{place} left out"
    for place, other in _between(value):
        yield _with(value, place, other), f"{place}: {str(other)[:80]}"


def _with(value: dict[str, Json], place: Sequence[str | int], other: Json) -> dict[str, Json]:
    changed = copy.deepcopy(value)
    at(changed, place[:-1])[place[-1]] = copy.deepcopy(other)
    return changed


def _between(value: dict[str, Json]) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    granted = value["capabilities"]
    for key in ("models", "tools"):
        first = granted[key][0]
        name, _, digest = first.partition("@")
        for other in (
            f"{name}@sha256:{'9' * 64}",
            first,
            f"{name}x@{digest}",
            first.upper(),
            f"{name}@{digest.upper()}",
        ):
            yield ("capabilities", key), [first, other]
    for other in (
        f"chat-b@sha256:{'9' * 64}",
        "none@sha256:" + "c" * 64,
        granted["tools"][0],
        granted["models"][1],
    ):
        yield ("profiles", "low", "models"), [other]
        yield ("profiles", "high", "models"), [granted["models"][1], other]
    for out, entry in (
        ("dist", "distx/index.html"), ("dist", "dist"), ("dist", "index.html"), ("dist", "x/dist/index.html"),
        ("dist", "Dist/index.html"), ("a/b", "a/index.html"), ("a/b", "a/bc/index.html"), ("a/b", "a/b/index.html"),
        ("dist", "dist/deep/page.html"),
    ):  # fmt: skip
        yield ("build",), {"tool": "none", "out": out}
        yield ("entry",), entry
    me = f"{value['publisher']}/{value['name']}"
    for index, folder in enumerate(granted["shared-folders"]):
        for others in ([me], ["acme/notes", me], ["acme/notes", "acme/notes"], [f"{me}-2"], [me.upper()]):
            yield ("capabilities", "shared-folders", index, "with"), others
        for name in ("inbox", "outbox", folder["id"].title(), f"{folder['id']}2"):
            yield ("capabilities", "shared-folders", index, "id"), name
    yield ("capabilities", "models"), []
    yield ("capabilities", "tools"), []
    numbers = (
        "0",
        "00",
        "01",
        "1",
        "007",
        "999999999",
        "1000000000",
        "+1",
        "-1",
        " 1",
        "1e1",
        "0x1",
        "\u0661",
        "",
    )
    for number in numbers:
        for text in (f"{number}.0.0", f"0.{number}.0", f"0.0.{number}"):
            yield ("version",), text


def places(value: Json, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in ``value``, the root first."""
    yield here
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*here, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*here, index))


def at(value: Json, place: Sequence[str | int]) -> Json:
    """The part of ``value`` at ``place``."""
    for step in place:
        value = value[step]
    return value


STRANGE: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e308, 2**53, 2**64, 65536, "", " ", "x", "true", "false", "null", "0",
    "443", "read-write ", "READ", "write",
    "readwrite", "*", "*.com", "*.a.com", "a.com.", "localhost", "127.0.0.1", "https://a.com",
    "https://u:p@a.com/", "http://a.com", "javascript:1",
    "../x", "/x", "a//b", "a\\b", "CON", "nul.txt", "a/./b", "x.", "x ", "a" * 256, "é" * 200, "\u202eevil",
    "a\u200bb", "tab\there", "line\nbreak",
    "\x1b[31mred", "\ue000", "locara/v2", "LOCARA/v1", "1.0", "1.0.0-rc1", "01.0.0", "v1.0.0", "1.0.0.0",
    "1.0.0+b", "zvec", "speech-to-text", "voice-to-voice", "ocr", "echo",
    "chat-b", "chat-b@sha256:", "chat-b@sha256:" + "A" * 64, "chat-b@sha256:" + "a" * 63,
    "chat-b@md5:" + "a" * 64, "@sha256:" + "a" * 64, [], {}, [[]],
    [None], [True], [1], [1.0], [""], ["a.com", "a.com"], ["*.a.com"], [443, 443], [0], [65536], {"": 1},
    {"allowed_hosts": []},
    {"allowed_hosts": ["example.com"], "allowed_ports": []}, {"allowed_ports": [443]}, {"mode": "active"},
    {"modes": []}, {"read": 1}, "-x", "x-", "a--b",
    "Proprietary", "mit", "xn--bcher-kva.example", "bücher.example", "a@b.cc", "a@b@c.dd", "@b.cc",
    "a b@c.dd", "ａ.com",
)  # fmt: skip
HOSTILE_PATHS = paths.corpus()
KEYS = (
    "net",
    "fs",
    "Net",
    "NET",
    "net ",
    "fs.user-selected",
    "models",
    "x",
    "",
    "__proto__",
    "constructor",
    "allowed_hosts",
    "exec",
    "command",
    "$schema",
    "env",
)


def mutate(rng: random.Random, value: dict[str, Json]) -> tuple[dict[str, Json], str]:
    """Change one to three places of a copy of ``value``; the text says what was done."""
    changed = copy.deepcopy(value)
    if rng.random() < 0.5:
        return changed, aim(rng, changed)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        done.append(change(rng, changed))
    return changed, "; ".join(done)


UNSEEN = (
    "\x00\x07\x1b\x7f\x85\xad\u034f\u0378\u061c\u115f\u180e\u200b\u200d\u200e\u2028\u202e\u2066\u2800\u3164"
    "\ue000\ufe0f\ufeff\ufff9\U000e0001\U0010ffff"
)
NUMBERS_NEAR = (-1, 0, 1, 1.0, 443.0, 1024, 1025, 65535, 65536, 1_048_576, 1_048_577, True, "1")


def aim(rng: random.Random, value: dict[str, Json]) -> str:
    """Put something hostile where its kind belongs: text into text, a path into a path, a host into hosts."""
    capabilities = value["capabilities"]
    kind = rng.choice(("text", "text", "path", "path", "host", "host", "pin", "url", "number", "access"))
    if kind == "text":
        field = rng.choice(("displayName", "description", "longDescription"))
        text = str(value.get(field, "Notes"))[:20]
        where = rng.randint(0, len(text))
        odd = rng.choice((*UNSEEN, " ", "\n", "e" + "\u0301" * rng.choice((4, 5)), "é", "😀"))
        value[field] = text[:where] + odd + text[where:]
    elif kind == "path":
        path = rng.choice(HOSTILE_PATHS).text if rng.random() < 0.6 else paths.ordinary(rng)
        field = rng.choice(("icon", "entry", "screenshots"))
        value[field] = [path] if field == "screenshots" else f"dist/{path}" if field == "entry" else path
    elif kind == "host":
        name = hosts.hostile(rng) if rng.random() < 0.6 else hosts.near(rng, [hosts.pattern(rng)])
        capabilities["net"] = {"allowed_hosts": [rng.choice((name, name, "*." + name))]}
    elif kind == "pin":
        capabilities["tools"] = [
            edit(rng, pin(rng, "ocr")) if rng.random() < 0.8 else pin(rng, "x" * rng.randint(62, 66))
        ]
    elif kind == "url":
        name = hosts.host(rng) if rng.random() < 0.5 else hosts.hostile(rng)
        value["homepage"] = rng.choice(hosts.urls(name))
    elif kind == "number":
        value["storage"] = {"quota_mb": rng.choice(NUMBERS_NEAR)}
        if isinstance(capabilities.get("net"), dict):
            capabilities["net"]["allowed_ports"] = [rng.choice(NUMBERS_NEAR)]
    else:
        key = rng.choice(("fs.user-selected", "fs.app-data"))
        capabilities[key] = rng.choice(
            (0, 1, True, "", "Read", "write", "read ", "read-write", ["read"], None)
        )
    return f"aimed at {kind}"


def change(rng: random.Random, value: dict[str, Json]) -> str:  # noqa: PLR0911
    """Change one place in place: drop, replace, add a key, duplicate an item, or edit a string."""
    spots = [place for place in places(value) if place]
    if not spots:
        value["x"] = 1
        return "add x to an empty object"
    place = rng.choice(spots)
    parent, step = at(value, place[:-1]), place[-1]
    action = rng.random()
    if action < 0.15:
        del parent[step]
        return f"drop {place}"
    if action < 0.55:
        parent[step] = copy.deepcopy(rng.choice(STRANGE))
        return f"replace {place}"
    if action < 0.7 and isinstance(parent, dict):
        parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(STRANGE))
        return f"add a key beside {place}"
    if action < 0.8 and isinstance(parent, list):
        parent.extend([copy.deepcopy(parent[-1])] * rng.choice((1, 1, 12, 220)))
        return f"repeat {place}"
    if isinstance(parent[step], str):
        parent[step] = edit(rng, parent[step])
        return f"edit {place}"
    parent[step] = copy.deepcopy(at(value, rng.choice(spots)))
    return f"copy another place over {place}"


def edit(rng: random.Random, text: str) -> str:
    """Insert, remove or exchange one character, near the ends more often."""
    atom = rng.choice(
        (
            ".",
            "*",
            "/",
            "-",
            " ",
            "A",
            "0",
            "\\",
            ":",
            "@",
            "\n",
            "\t",
            "\u200b",
            "\u202e",
            "é",
            "\x7f",
            "..",
            "%2e",
            "x" * 300,
        )
    )
    where = rng.choice((0, len(text), rng.randint(0, len(text))))
    return rng.choice(
        (
            text[:where] + atom + text[where:],
            text[:where] + text[where + 1 :],
            text[:where] + atom + text[where + 1 :],
        )
    )


def dump(rng: random.Random, value: Json) -> bytes:
    """Write ``value`` as JSON in one of several layouts."""
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2, "\t"))).encode(
        "utf-8", "surrogatepass"
    )
