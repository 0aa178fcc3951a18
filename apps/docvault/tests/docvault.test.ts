/** DocVault against its real runtime, models and sandbox: what a person does with it, and what it may not do. */

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { assertAllowed, assertDenied, startApp, type StartOptions, type TestApp } from "@locara/test";
import { afterEach, beforeEach, expect, test } from "vitest";

import { openDocVault, type DocVault } from "../src/docvault.ts";
import { saveNew } from "../src/save.ts";
import { pdf } from "../test/support.ts";

const APP = fileURLToPath(new URL("..", import.meta.url));
const NOTES = "# Orion\n\nThe budget of project Orion is 4200 euros.\n\n# Juniper\n\nThe venue of project Juniper is Athens.\n";
const QUESTION = "What is the budget of project Orion?";

let folder: string;
let papers: string;
let saved: string;
const open: TestApp[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "docvault-test-"));
  [papers, saved] = [join(folder, "papers"), join(folder, "saved")];
  for (const place of [papers, saved]) mkdirSync(place);
  writeFileSync(join(papers, "notes.md"), NOTES);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
  rmSync(folder, { recursive: true });
});

/** The app with a person who answers each pick in turn. Its data stays while a test lasts. */
async function start(pick: readonly string[] = [], options: StartOptions = {}): Promise<{ app: TestApp; vault: DocVault }> {
  const app = await startApp(APP, { pick, data: join(folder, "data"), ...options });
  open.push(app);
  return { app, vault: await openDocVault(app, pdf) };
}

test("a folder is picked, asked about, and the answer cites its page", async () => {
  const { vault } = await start([papers]);
  expect(await vault.importFrom("directory")).toMatchObject([{ status: "added", name: "notes.md", problems: [] }]);
  const { kind, text, citation } = await vault.ask(QUESTION);
  expect(kind).not.toBe("refusal");
  expect(text).toContain("4200 euros");
  expect(citation).toMatchObject({ name: "notes.md", page: 1, quote: "The budget of project Orion is 4200 euros." });
  expect(await vault.ask("Who won the cup in 1974?")).toMatchObject({ kind: "refusal", citation: null });
});

test("what was imported is there at the next start, and what was removed is not", async () => {
  const first = await start([papers]);
  await first.vault.importFrom("directory");
  await first.app.close();
  const { vault } = await start();
  const [document] = await vault.documents();
  expect(document).toMatchObject({ name: "notes.md", kind: "markdown" });
  if (document) await vault.remove(document);
  expect(await vault.documents()).toEqual([]);
  expect(await vault.search("Orion")).toEqual([]);
});

test("what is asked in one vault is never answered from another", async () => {
  const { vault } = await start([papers]);
  await vault.importFrom("directory");
  const filled = vault.vault;
  await vault.createVault("Taxes");
  expect(await vault.ask(QUESTION)).toMatchObject({ kind: "refusal" });
  vault.chooseVault(filled);
  expect((await vault.ask(QUESTION)).citation).toMatchObject({ name: "notes.md" });
});

test("an answer is saved in the folder that was picked, beside a file of that name", async () => {
  const { vault } = await start([papers, saved, saved]);
  await vault.importFrom("directory");
  const asked = { question: QUESTION, answer: await vault.ask(QUESTION), asked: new Date(0).toISOString() };
  expect(await vault.saveAnswer(asked, "md")).toBe("What is the budget of project Orion.md");
  expect(await vault.saveAnswer(asked, "md")).toBe("What is the budget of project Orion 2.md");
  const [one, other] = readdirSync(saved).map((name) => readFileSync(join(saved, name), "utf8"));
  expect(one).toBe(other);
  expect(one).toContain("> The budget of project Orion is 4200 euros.");
});

test("a file that cannot be written to its end is taken away, and what was there stays", async () => {
  const { app } = await start([saved]);
  writeFileSync(join(saved, "mine.md"), "mine");
  async function* broken(): AsyncGenerator<string> {
    yield "x".repeat(2 * 1024 * 1024);
    expect(readdirSync(saved).length).toBe(2);
    throw new Error("the source ended");
  }
  await expect(saveNew(app.fs, "vault", "md", broken())).rejects.toThrow("the source ended");
  expect(readdirSync(saved)).toEqual(["mine.md"]);
});

test("who picks nothing gets nothing: no import, no file, no drop", async () => {
  const { vault } = await start();
  expect(await vault.importFrom("file")).toEqual([]);
  expect(await vault.saveVault("json")).toBeUndefined();
  expect(await vault.importDropped()).toBeUndefined();
});

test("where the manifest lets it read alone it imports and cannot save", async () => {
  const { app, vault } = await start([papers, saved], { manifest: ({ capabilities }) => (capabilities["fs.user-selected"] = "read") });
  await assertAllowed(vault.importFrom("directory"));
  await assertDenied(vault.saveVault("md"), { because: "fs.user-selected", code: "capability_denied" });
  expect(readdirSync(saved)).toEqual([]);
  expect(app.grants["fs.user-selected"]).toContain('"read"');
});

test("it reaches no network, no clipboard, no device and no folder that was not picked", async () => {
  const { app } = await start();
  await assertDenied(app.net.fetch({ url: "https://example.com/" }), { because: "net", code: "unknown_command" });
  await assertDenied(app.clipboard.read(), { because: "clipboard", code: "unknown_command" });
  await assertDenied(app.audio.open({ source: "microphone", rate: 16_000 }), { because: "device.microphone", code: "unknown_command" });
  await assertDenied(app.fs.list("$DOCUMENTS", ""), { because: "documents", code: "capability_denied" });
  const { app: wider } = await start([], {
    data: join(folder, "wider"),
    manifest: ({ capabilities }) => (capabilities["clipboard"] = { write: true }),
  });
  expect(wider.commands.has("clipboard.write")).toBe(true);
  expect(wider.commands.has("clipboard.read")).toBe(false);
});
