"""What is read in a page: each way to name a command, and each way to hide one."""

from __future__ import annotations

import pytest

IMPORT = 'import { db, fs, llm, createLocara, WindowTransport } from "@locara/sdk";\n'

FOLLOWED = {
    "named": (IMPORT + "await fs.pick({});", {"fs.pick"}),
    "renamed": ('import { fs as files } from "@locara/sdk"; files.pick({});', {"fs.pick"}),
    "namespace": ('import * as sdk from "@locara/sdk"; sdk.fs.pick({});', {"fs.pick"}),
    "namespace by text": ('import * as sdk from "@locara/sdk"; sdk["fs"][`pick`]({});', {"fs.pick"}),
    "concatenated": (IMPORT + 'const end = "ck"; fs["pi" + end]({});', {"fs.pick"}),
    "either": (IMPORT + 'fs[write ? "writeBytes" : "readBytes"]({});', {"fs.write", "fs.read"}),
    "optional": (IMPORT + "fs?.pick?.({});", {"fs.pick"}),
    "method taken": (IMPORT + "const { pick: choose } = fs; choose({});", {"fs.pick"}),
    "method handed on": (IMPORT + "button.onclick = fs.pick;", {"fs.pick"}),
    "default in a pattern": (IMPORT + "const { search = 1 } = db; search.hybrid({});", {"db.search"}),
    "inner module": (IMPORT + "db.search.vector({});", {"db.search"}),
    "two commands": (IMPORT + "llm.chatWithTools({}, {});", {"llm.chat", "tools.invoke"}),
    "client": (IMPORT + "createLocara(WindowTransport.ofWindow()).fs.pick({});", {"fs.pick"}),
    "client kept": (IMPORT + "const l = createLocara(t); const { fs: f } = l; f.pick({});", {"fs.pick"}),
    "client in a field": (
        IMPORT + "class A { #l; constructor(l) { this.#l = l; } go() { this.#l.fs.pick({}); } } new A(createLocara(t));",
        {"fs.pick"},
    ),
    "parameter property": (
        IMPORT + "class A { constructor(private readonly l: Locara) {} go() { this.l.fs.pick({}); } } new A(createLocara(t));",
        {"fs.pick"},
    ),
    "inherited constructor": (
        IMPORT
        + "class A { constructor(l) { l.fs.pick({}); } } class B extends A { constructor(l) { super(l); } } new B(createLocara(t));",
        {"fs.pick"},
    ),
    "class field": (IMPORT + "class A { files = fs; go() { return this.files.pick({}); } }", {"fs.pick"}),
    "frozen": (IMPORT + "const all = Object.freeze({ files: fs }); all.files.pick({});", {"fs.pick"}),
    "field by a text that is put together": (IMPORT + 'const all = { files: fs }; all["fi" + "les"].pick({});', {"fs.pick"}),
    "object": (IMPORT + "const all = { files: fs, db }; all.files.pick({});", {"fs.pick"}),
    "function": (IMPORT + "function go(f) { f.pick({}); } go(fs);", {"fs.pick"}),
    "arrow": (IMPORT + "const go = ({ files }) => files.pick({}); go({ files: fs });", {"fs.pick"}),
    "method": (IMPORT + "const o = { go(f) { f.pick({}); } }; o.go(fs);", {"fs.pick"}),
    "returned": (IMPORT + "const get = () => fs; get().pick({});", {"fs.pick"}),
    "returned later": (IMPORT + "async function get() { return createLocara(t); } (await get()).fs.pick({});", {"fs.pick"}),
    "then": (IMPORT + "async function get() { return createLocara(t); } get().then((l) => l.fs.pick({}));", {"fs.pick"}),
    "getter": (IMPORT + "class A { get files() { return fs; } go() { this.files.pick({}); } }", {"fs.pick"}),
    "fallback": (IMPORT + "const f = given ?? fs; f.pick({});", {"fs.pick"}),
    "assigned": (IMPORT + "let f; f = fs; f.pick({});", {"fs.pick"}),
    "assigned in a pattern": (IMPORT + "let f; ({ fs: f } = createLocara(t)); f.pick({});", {"fs.pick"}),
    "dynamic import": ('const { fs } = await import("@locara/sdk"); fs.pick({});', {"fs.pick"}),
    "transport": (IMPORT + 'WindowTransport.ofWindow().call("fs.pick", {});', {"fs.pick"}),
    "new transport": (IMPORT + 'const t = new WindowTransport(port); t.call("fs.pick", {});', {"fs.pick"}),
    "command by constant": (
        IMPORT + 'const CMD = { pick: "fs.pick" } as const; WindowTransport.ofWindow().call(CMD.pick, {});',
        {"fs.pick"},
    ),
    "command by template": (IMPORT + 'const m = "fs"; WindowTransport.ofWindow().call(`${m}.pick`, {});', {"fs.pick"}),
    "bridge": ('window.__locara.send({ id: 1, cmd: "fs.pick", args: {} });', {"fs.pick"}),
    "bridge aliased": ('const { __locara: b } = globalThis; const cmd = "fs.pick"; b.send({ id, cmd });', {"fs.pick"}),
    "bridge by text": ('const w = window; w["__lo" + "cara"].send({ cmd: "fs.pick" });', {"fs.pick"}),
    "bridge as a type": ('(window as any).__locara!.send({ "cmd": "fs.pick" });', {"fs.pick"}),
    "bridge cancels": ("window.__locara.send({ cancel: 1 });", set()),
    "asked whether it is there": ('if ("__locara" in window && fs) start(); typeof window === "undefined";', set()),
    "shadowed": (IMPORT + "function f(fs) { fs.pick({}); } f(other);", set()),
    "shadowed by var": (IMPORT + "function f() { fs.pick({}); if (a) { var fs = 1; } }", set()),
    "shadowed in a block": (IMPORT + "{ const fs = other; fs.pick({}); }", set()),
    "shadowed by catch": (IMPORT + "try { go(); } catch (fs) { fs.pick({}); }", set()),
    "types alone": ('import type { Locara } from "@locara/sdk"; let x: Locara["fs"];', set()),
    "another package": ('import { fs } from "memfs"; fs.pick({});', set()),
    "window listens": ('window.addEventListener("x", f); parent.postMessage(1); self.name;', set()),
}  # fmt: skip

HIDDEN = {
    "computed member": (IMPORT + "fs[name]({});", "computed-member", "fs.pick"),
    "computed pattern": (IMPORT + "const { [name]: f } = fs;", "computed-member", "fs.pick"),
    "looped over": (IMPORT + "for (const f of Object.values(fs)) f();", "passed-on", "fs.pick"),
    "rest": (IMPORT + "const { pick, ...others } = fs;", "spread", "fs.write"),
    "spread": (IMPORT + "const all = { ...fs };", "spread", "fs.pick"),
    "spread argument": (IMPORT + "go(...fs);", "spread", "fs.pick"),
    "in an array": (IMPORT + "const all = [fs];", "stored", "fs.pick"),
    "common name": (IMPORT + "ref.current = fs;", "stored", "fs.pick"),
    "computed field": (IMPORT + "all[name] = fs;", "stored", "fs.pick"),
    "computed field of an object": (IMPORT + "const all = { fs, db }; all[name].pick({});", "computed-member", "fs.pick"),
    "object for a library": ('import { use } from "lib";' + IMPORT + "use({ files: fs });", "passed-on", "fs.pick"),
    "library": ('import { use } from "lib";' + IMPORT + "use(fs);", "passed-on", "fs.pick"),
    "callback of a library": ('import { memo } from "lib";' + IMPORT + "memo(() => fs);", "passed-on", "fs.pick"),
    "rest parameter": (IMPORT + "function go(...all) {} go(fs);", "stored", "fs.pick"),
    "arguments": (IMPORT + "function go() { arguments[0].pick(); } go(fs);", "passed-on", "fs.pick"),
    "thrown": (IMPORT + "throw fs;", "passed-on", "fs.pick"),
    "unknown member": (IMPORT + "fs.watch({});", "unknown-member", "fs.pick"),
    "computed command": (IMPORT + "WindowTransport.ofWindow().call(name, {});", "computed-command", None),
    "computed frame": ("window.__locara.send(frame);", "computed-command", None),
    "spread frame": ("window.__locara.send({ ...frame });", "computed-command", None),
    "let is not const": (IMPORT + 'let c = "db.query"; WindowTransport.ofWindow().call(c, {});', "computed-command", None),
    "send taken": ('import { on } from "lib"; on(window.__locara.send);', "passed-on", None),
    "global": ("window[name].send({});", "computed-global", None),
    "name of the bridge": ('const names = ["__locara"];', "computed-global", None),
    "eval": ("eval(text);", "eval", None),
    "indirect eval": ("(0, eval)(text);", "eval", None),
    "eval of the window": ("window.eval(text);", "eval", None),
    "constructor": ("new Function(text)();", "eval", None),
    "timer": ('setTimeout("go()", 1);', "eval", None),
    "dynamic import": ("await import(name);", "dynamic-import", None),
    "missing import": ('import { x } from "./not-there";', "import", None),
    "syntax": ("const = ;", "syntax", None),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLLOWED)
@pytest.mark.parametrize("suffix", ["ts", "js"])
def test_a_command_is_followed_to_where_it_is_used(page, case: str, suffix: str) -> None:
    text, expected = FOLLOWED[case]
    if suffix == "js" and any(word in text for word in (" as any", " as const", ": Locara", "import type")):
        pytest.skip("TypeScript only")
    reading = page(text, suffix)
    assert reading.commands == expected
    assert reading.doubts == ()


@pytest.mark.parametrize("case", HIDDEN)
def test_what_cannot_be_followed_is_named(page, case: str) -> None:
    text, kind, could = HIDDEN[case]
    reading = page(text)
    assert kind in {doubt.kind for doubt in reading.doubts}, reading
    found = next(doubt for doubt in reading.doubts if doubt.kind == kind)
    assert (found.file, found.line) == ("src/main.ts", text.count("\n") + 1)
    assert could is None or could in found.reach
    assert (found.reach is None) == (could is None)


def test_a_place_is_a_file_a_line_and_a_column(page) -> None:
    [use] = page(IMPORT + "\n\n  await  fs.pick({});").uses
    assert (use.file, use.line, use.column, use.commands) == ("src/main.ts", 4, 10, ("fs.pick",))


def test_values_go_through_the_modules_of_the_app(page) -> None:
    reading = page(
        'import start, { files as f } from "./all"; import * as own from "./own.js"; start(f); own.chat.chat({});',
        all='export { files } from "./own"; export default function (x) { x.pick({}); }',
        own='import { fs, llm } from "@locara/sdk"; export const files = fs; export * from "./more"; export { llm as chat };',
        more='export * from "@locara/sdk";',
    )
    assert reading.commands == {"fs.pick", "llm.chat"}
    assert [(use.file, use.commands) for use in reading.uses] == [
        ("src/all.ts", ("fs.pick",)),
        ("src/main.ts", ("llm.chat",)),
    ]
    assert reading.doubts == ()


def test_the_sdk_is_found_through_modules_that_give_all_of_it_on(page) -> None:
    reading = page(
        'import { db } from "@/lib/locara"; import * as all from "./lib/locara"; db.query(""); all.fs.pick({});',
        lib__locara='export * from "@locara/sdk";',
    )
    assert reading.commands == {"db.query", "fs.pick"}


def test_components_hand_on_by_their_properties(page) -> None:
    reading = page(
        'import { fs } from "@locara/sdk"; const A = ({ files }) => <b onClick={() => files.pick({})} />;'
        "export const B = () => <A files={fs} />;",
        "tsx",
    )
    assert (reading.commands, reading.doubts) == ({"fs.pick"}, ())
    [doubt] = page(
        'import { L } from "lib"; import { fs } from "@locara/sdk"; export const C = () => <L f={fs} />;',
        "tsx",
    ).doubts
    assert (doubt.kind, "fs.pick" in doubt.reach) == ("passed-on", True)
    [doubt] = page('import { fs } from "@locara/sdk"; export const C = () => <A {...fs} />;', "tsx").doubts
    assert doubt.kind == "spread"


def test_a_file_that_is_not_read_is_named(tmp_path, page) -> None:
    page("let x;")
    (tmp_path / "src/App.vue").write_text("<script>fs.pick()</script>")
    (tmp_path / "src/odd.ts").write_bytes(b"\xff\xfe")
    (tmp_path / "src/huge.js").write_bytes(b";" * 2_000_001)
    doubts = page("let x;").doubts
    assert [(doubt.kind, doubt.file) for doubt in doubts] == [
        ("unread-file", "src/App.vue"),
        ("unread-file", "src/huge.js"),
        ("unread-file", "src/odd.ts"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000 + "fs" + ")" * 20_000,
        "fs" + ".a" * 20_000,
        "x = " + "[" * 20_000,
        'WindowTransport.ofWindow().call("a"' + ' + "a"' * 20_000 + ", {})",
        "function f(x) { return f(f(x)); } f(fs); f(f);",
        "const a = () => b(); const b = () => a(); a().pick(); const o = { o: fs, fs: o };",
        "let " + ", ".join(f"a{n} = a{n + 1}" for n in range(3_000)) + ", a3000 = fs;",
        "\0\ud800",
    ],
)
def test_no_text_is_too_much(page, text: str) -> None:
    page(IMPORT + text)
