"""The hostile page: every way out of a browser, and every way to a bridge that is not the page's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from locara_verify.checks.window.bare import ASKS, AWAY

# One line a way. {http}, {ws} and {stun} lead to the sinks.
WAYS: Final = {
    "fetch": 'fetch("{http}/fetch", {{ mode: "no-cors" }}).catch(() => 0);',
    "beacon": 'navigator.sendBeacon("{http}/beacon", "x");',
    "xhr": 'const x = new XMLHttpRequest(); x.open("GET", "{http}/xhr"); x.send();',
    "image": 'new Image().src = "{http}/image";',
    "stylesheet": 'add("link", {{ rel: "stylesheet", href: "{http}/stylesheet" }});',
    "script": 'add("script", {{ src: "{http}/script" }});',
    "module": 'import("{http}/module").catch(() => 0);',
    "style-import": 'add("style", {{ textContent: "@import url({http}/style-import)" }});',
    "css": 'document.body.style.backgroundImage = "url({http}/css)";',
    "font": 'new FontFace("f", "url({http}/font)").load().catch(() => 0);',
    "websocket": 'new WebSocket("{ws}/websocket");',
    "eventsource": 'new EventSource("{http}/eventsource");',
    "frame": 'add("iframe", {{ src: "{http}/frame" }});',
    "object": 'add("object", {{ data: "{http}/object" }});',
    "media": 'add("video", {{ src: "{http}/media", autoplay: true }});',
    "prefetch": 'add("link", {{ rel: "prefetch", href: "{http}/prefetch" }});',
    "preconnect": 'add("link", {{ rel: "preconnect", href: "{http}" }});',
    "worker": 'new Worker(URL.createObjectURL(new Blob([`fetch("{http}/worker",{{mode:"no-cors"}})`])));',
    "webrtc": 'if (window.RTCPeerConnection) {{ const r = new RTCPeerConnection({{ iceServers: [{{ urls: "stun:{stun}" }}] }}); r.createDataChannel("x"); r.createOffer().then((o) => r.setLocalDescription(o)); }}',  # noqa: E501 - one line a way
    "pop-up": 'window.open("{http}/pop-up");',
    "form": 'const f = add("form", {{ action: "{http}/form", method: "post" }}); f.submit();',
    "refresh": 'add("meta", {{ httpEquiv: "refresh", content: "0;url={http}/refresh" }});',
    "navigate": 'location.href = "{http}/navigate";',
}
LEAVING: Final = ("form", "refresh", "navigate")
"""In a plain view each of these ends the page, so each has a page of its own there."""

SURE: Final = frozenset({"fetch", "beacon", "css", "image", "script", "frame", "form", "refresh", "navigate"})
"""Ways that reach a plain view on every machine: a control without them proves nothing."""

_PRELUDE: Final = """
let n = 1;
const say = (cmd, args = {}) => window.__locara?.send({ id: n++, cmd, args });
window.__locara?.listen(() => 0, () => 0);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
addEventListener("pagehide", () => say("left"));
const add = (tag, more) => document.body.appendChild(Object.assign(document.createElement(tag), more));
"""
_SPIES: Final = """
const spied = () => {
  let told = false;
  const { apply, getPrototypeOf, ownKeys } = Reflect, begins = /^[0-9a-f]{64}/, test = begins.test, replaced = [];
  const look = (value) => { if (typeof value === "string" && apply(test, begins, [value])) told = true; };
  const owners = [String, Array, Map, Function, TextEncoder].map((type) => type.prototype);
  owners.push(JSON, getPrototypeOf(webkit.messageHandlers.locara));
  for (const owner of owners) for (const name of ownKeys(owner)) {
    const real = Object.getOwnPropertyDescriptor(owner, name).value;
    if (typeof real !== "function" || name === "constructor" || name === Symbol.iterator) continue;
    replaced.push([owner, name, real]);
  }
  const spy = (real) => function () {
    "use strict";
    look(this);
    for (let at = 0; at < arguments.length; at++) look(arguments[at]);
    return apply(real, this, arguments);
  };
  const spies = replaced.map(([, , real]) => spy(real));
  for (let at = 0; at < replaced.length; at++) try { replaced[at][0][replaced[at][1]] = spies[at]; } catch {}
  say("watched");
  for (let at = 0; at < replaced.length; at++) try { replaced[at][0][replaced[at][1]] = replaced[at][2]; } catch {}
  if (told) say("told");
};
"""
"""Every method that the channel could call by its name is replaced by one that looks for the token."""
_FORGERIES: Final = """
  const forged = JSON.stringify({ id: 7, cmd: "forged", args: {} });
  const post = (text) => { try { webkit.messageHandlers.locara.postMessage(text); } catch {} };
  const guesses = [forged, "0".repeat(64) + forged, "\\u0000" + forged, 7, null, { id: 7, cmd: "forged" }];
  for (const text of guesses) post(text);
  add("iframe", { src: "inner.html" });
  add("iframe", { srcdoc: `<script src="inner.js"></scr` + `ipt>` });
  spied();
  JSON.stringify = () => forged; Array.prototype.push = Map.prototype.get = () => forged;
  try { window.__locara_inbox("guess", forged, ""); } catch {}
"""
_LEAVE: Final = """
  for (const [name, go] of [%(tries)s]) {
    say("leaving " + name);
    try { go(); } catch {}
    await sleep(150);
  }
  for (const url of %(away)s) {
    say("leaving " + url);
    try { if (window.open(url)) say("opened " + url); } catch {}
    try { add("a", { href: url, target: "_blank" }).click(); } catch {}
    try { location.assign(url); } catch {}
    await sleep(150);
  }
"""
_ASKED: Final = """
  const asks = [];
  const answered = async (name, ask) => {
    try { if (await Promise.race([ask(), sleep(3000).then(() => false)])) say("granted " + name); } catch {}
  };
  const told = (name, ask) => {
    asks.push(() => answered(name + ", at the hand of a person", ask));
    return answered(name, ask);
  };
  const media = navigator.mediaDevices;
  const asked = [
    told("notifications", async () => (await Notification.requestPermission()) === "granted"),
    told("camera", async () => await media.getUserMedia({ video: true })),
    told("microphone", async () => await media.getUserMedia({ audio: true })),
    told("screen", async () => await media.getDisplayMedia({})),
    told("devices", async () => (await media.enumerateDevices()).length),
    told("place", () => new Promise((done) =>
      navigator.geolocation.getCurrentPosition(() => done(true), (error) => done(error.code !== 1)))),
    told("clipboard", async () => (await navigator.clipboard.readText(), true)),
    told("clipboard by command", async () => document.execCommand("paste")),
    told("usb", async () => await navigator.usb.requestDevice({ filters: [] })),
    told("bluetooth", async () => await navigator.bluetooth.requestDevice({ acceptAllDevices: true })),
    told("keys of films", async () => await navigator.requestMediaKeySystemAccess("org.w3.clearkey",
      [{ initDataTypes: ["webm"], videoCapabilities: [{ contentType: 'video/webm; codecs="vp8"' }] }])),
    told("peer connections", async () => !!window.RTCPeerConnection),
    told("the pointer", async () => {
      await document.body.requestPointerLock();
      await sleep(100);
      return !!document.pointerLockElement;
    }),
    told("a window", async () => !!window.open("index.html")),
    told("graphics", async () => document.createElement("canvas").getContext("webgl")),
    ...["camera", "microphone", "geolocation", "notifications", "clipboard-read", "push", "midi"].map((name) =>
      told("the state of " + name, async () => (await navigator.permissions.query({ name })).state === "granted")),
  ];
  await Promise.all(asked);
  window.__ask = (number) => asks[number]?.();
  document.title = "%(asks)s";
  await sleep(900);
"""
_INNER: Final = """
const forged = '{"id":9,"cmd":"inner","args":{}}';
try { window.__locara.send(JSON.parse(forged)); } catch {}
try { webkit.messageHandlers.locara.postMessage(forged); } catch {}
try { parent.webkit.messageHandlers.locara.postMessage(forged); } catch {}
"""


def groups() -> tuple[tuple[str, ...], ...]:
    """The ways, by the page that tries them."""
    return (tuple(name for name in WAYS if name not in LEAVING), *((name,) for name in LEAVING))


def write_page(folder: Path, *, http: str, stun: str, names: tuple[str, ...]) -> Path:
    """A page that says `began`, tries its ways, waits, and says `ended` where it still can. One that tries all of
    them asks the browser for everything as well, and then goes wherever a page can go."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {"http": f"http://{http}", "ws": f"ws://{http}", "stun": stun}
    ways = {name: WAYS[name].format(**places) for name in names}
    everything = len(names) == len(WAYS)
    stays = [way for name, way in ways.items() if not everything or name not in LEAVING]
    tries = "\n".join(f"  try {{ {way} }} catch {{}}" for way in stays)
    goes = ", ".join(f"[{name!r}, () => {{ {ways[name]} }}]" for name in LEAVING if everything)
    after = (
        f"{_ASKED % {'asks': ASKS}}{_LEAVE % {'tries': goes, 'away': json.dumps(AWAY)}}" if everything else ""
    )
    script = (
        f"{_PRELUDE}{_SPIES}\n(async () => {{\n  await sleep(300); say('began'); await sleep(300);\n{tries}\n"
        f"{_FORGERIES}\n"
        f"{after}  await sleep(1500); say('ended');\n}})();\n"
    )
    (folder / "index.html").write_text(
        "<!doctype html><html><head><meta charset=utf-8></head><body><script src=page.js></script></body></html>",
        "utf-8",
    )
    (folder / "page.js").write_text(script, "utf-8")
    (folder / "inner.html").write_text("<!doctype html><script src=inner.js></script>", "utf-8")
    (folder / "inner.js").write_text(_INNER, "utf-8")
    return folder
