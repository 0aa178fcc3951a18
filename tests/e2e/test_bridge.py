"""The one channel of the window, from the page's side: what it carries, and who gets nothing of it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from .peer import show, write_page
from .screen import Screen


def test_calls_events_and_large_answers_come_whole(screen: Screen, tmp_path: Path) -> None:
    def answer(frame: dict[str, Any]) -> list[dict[str, Any]]:
        if frame["cmd"] == "stream":
            events = [{"id": frame["id"], "event": {"n": n}} for n in range(2000)]
            return [*events, {"id": frame["id"], "ok": True, "result": "end"}]
        return [{"id": frame["id"], "ok": True, "result": frame["args"]}]

    script = """(async () => {
      const tricky = { __proto__: null, a: "\\u2028\\u2029\\u0000é😀</script>", big: "x".repeat(3e6) };
      tricky["__proto__"] = { polluted: 1 };
      const same = (await call("echo", tricky)).result;
      const seen = []; const last = await call("stream", {}, (e) => seen.push(e.n));
      call("told", { a: same.a === tricky.a, big: same.big === tricky.big, own: Object.hasOwn(same, "__proto__"),
        polluted: {}.polluted === undefined, order: seen.every((n, i) => n === i) && seen.length === 2000, last: last.result });
    })();"""
    with show(screen, write_page(tmp_path / "p", script), answer=answer) as (peer, _):
        told = peer.wait_frame("told")["args"]
    assert told == {"a": True, "big": True, "own": True, "polluted": True, "order": True, "last": "end"}


def test_a_call_too_large_is_answered_and_the_next_is_served(screen: Screen, tmp_path: Path) -> None:
    script = """(async () => {
      const large = await call("echo", { text: "x".repeat(17 * 1024 * 1024) });
      const wide = await call("echo", { text: "é".repeat(9 * 1024 * 1024) });
      const next = await call("echo", { n: 1 });
      call("told", { large: large.error?.code, wide: wide.error?.code, next: next.result });
    })();"""
    with show(screen, write_page(tmp_path / "p", script)) as (peer, _):
        told = peer.wait_frame("told")["args"]
    assert told == {"large": "payload_too_large", "wide": "payload_too_large", "next": {"n": 1}}


def test_without_the_token_nothing_is_passed_on(screen: Screen, tmp_path: Path) -> None:
    script = """(async () => {
      const post = (text) => webkit.messageHandlers.locara.postMessage(text);
      const forge = JSON.stringify({ id: 99, cmd: "forged", args: {} });
      for (const text of [forge, "0".repeat(64) + forge, 7, null, { id: 1, cmd: "forged" }]) try { post(text); } catch {}
      JSON.stringify = () => JSON.stringify.call; Array.prototype.push = () => { throw 1; };
      String.prototype.concat = () => "stolen"; Map.prototype.get = () => "stolen";
      call("told", {});
    })();"""
    with show(screen, write_page(tmp_path / "p", script)) as (peer, _):
        peer.wait_frame("told")
        peer.wait_report("alarm")
    assert "forged" not in peer.commands()


def test_a_page_cannot_replace_the_channel_or_read_its_token(screen: Screen, tmp_path: Path) -> None:
    script = """(async () => {
      const tries = {};
      try { window.__locara = 1; } catch {} tries.replaced = window.__locara === 1;
      try { Object.defineProperty(window, "__locara", { value: 1 }); tries.defined = true; } catch { tries.defined = false; }
      try { window.__locara.send = 1; } catch {} tries.changed = window.__locara.send === 1;
      const shown = String(window.__locara.send) + String(window.__locara_inbox) + [...document.scripts].map((s) => s.textContent);
      tries.token = /[0-9a-f]{64}/.test(shown);
      window.__locara_inbox("guess", JSON.stringify([{ id: 1, ok: true }]), "");
      call("told", tries);
    })();"""
    with show(screen, write_page(tmp_path / "p", script)) as (peer, _):
        told = peer.wait_frame("told")["args"]
    assert told == {"replaced": False, "defined": False, "changed": False, "token": False}


def test_frames_inside_the_page_get_no_channel(screen: Screen, tmp_path: Path) -> None:
    inner = "<script>try{parent.note?.('reached')}catch(e){};try{window.__locara.send({id:1,cmd:'inner',args:{}})}catch(e){};try{webkit.messageHandlers.locara.postMessage('{\"id\":1,\"cmd\":\"inner\"}')}catch(e){}</script>"
    script = """(async () => {
      for (const make of [
        () => Object.assign(document.createElement("iframe"), { src: "inner.html" }),
        () => Object.assign(document.createElement("iframe"), { srcdoc: `INNER` }),
        () => Object.assign(document.createElement("iframe"), { src: "about:blank" }),
        () => Object.assign(document.createElement("iframe"), { src: "data:text/html,x" }),
      ]) document.body.append(make());
      await sleep(2000);
      const inside = [...document.querySelectorAll("iframe")].map((f) => { try { return typeof f.contentWindow.__locara; } catch { return "closed"; } });
      call("told", { inside });
    })();""".replace("INNER", inner.replace("</script>", "<\\/script>"))
    with show(screen, write_page(tmp_path / "p", script, inner__html=inner)) as (peer, _):
        inside = peer.wait_frame("told")["args"]["inside"]
        time.sleep(1)
    assert set(inside) <= {"undefined", "closed"}
    assert "inner" not in peer.commands()


def test_a_reload_ends_the_calls_of_the_page_before(screen: Screen, tmp_path: Path) -> None:
    def answer(frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [] if frame["cmd"] == "never" else [{"id": frame["id"], "ok": True, "result": frame["args"]}]

    script = """(async () => {
      if (!sessionStorage.again) { sessionStorage.again = 1; call("never"); await call("echo"); location.reload(); return; }
      const answered = await call("echo", { second: true });
      call("told", answered.result);
    })();"""
    with show(screen, write_page(tmp_path / "p", script), answer=answer) as (peer, _):
        assert peer.wait_frame("told")["args"] == {"second": True}
        never = peer.wait_frame("never")["id"]
    assert {"cancel": never} in peer.frames
    ids = [frame["id"] for frame in peer.frames if "id" in frame]
    assert len(ids) == len(set(ids)), "no id of the first page is used again by the second"


def test_what_a_page_asks_the_browser_for_is_refused(screen: Screen, tmp_path: Path) -> None:
    script = """(async () => {
      const name = (p) => p.then(() => "given", (e) => e.name || "refused");
      const never = sleep(4000).then(() => { throw { name: "silence" }; });
      const asked = (make) => { try { return name(Promise.race([make(), never])); } catch { return "absent"; } };
      call("told", {
        camera: await asked(() => navigator.mediaDevices.getUserMedia({ video: true })),
        screen: await asked(() => navigator.mediaDevices.getDisplayMedia({})),
        place: await asked(() => new Promise((done, failed) => navigator.geolocation.getCurrentPosition(done, failed))),
        notes: await asked(() => Notification.requestPermission().then((p) => { if (p !== "granted") throw { name: p }; })),
        clip: await asked(() => navigator.clipboard.readText()),
      });
    })();"""
    with show(screen, write_page(tmp_path / "p", script)) as (peer, _):
        told = peer.wait_frame("told")["args"]
    assert "given" not in told.values(), told


def processes_of(pid: int, name: str) -> list[int]:
    """The processes of that name below another one, as the host numbers them."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            before, _, after = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue
        parents[int(entry.name)] = (int(after.split()[1]), before.partition("(")[2])
    family = {pid}
    while more := {one for one, (parent, _) in parents.items() if parent in family} - family:
        family |= more
    return [one for one in family if name in parents.get(one, (0, ""))[1]]


def test_a_page_that_crashes_is_told_of_and_can_be_loaded_again(screen: Screen, tmp_path: Path) -> None:
    script = 'call("here", { load: Math.random() });'
    with show(screen, write_page(tmp_path / "p", script, "<p>This page is alive</p>")) as (peer, window):
        peer.wait_frame("here")
        (engine,) = processes_of(window.pid, "WebKitWebProces")
        os.kill(engine, signal.SIGKILL)
        peer.wait_report("crashed")
        screen.wait_for("stopped working")
        screen.shoot("crashed")
        assert window.poll() is None, "the window itself lives on"
        screen.click("Load it again")
        screen.wait_for("This page is alive")
    loads = {frame["args"]["load"] for frame in peer.frames if frame.get("cmd") == "here"}
    assert len(loads) == 2, "a new document, with a channel of its own"
