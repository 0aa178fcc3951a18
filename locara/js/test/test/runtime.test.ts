import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { CapabilityDenied } from "@locara/sdk";

import { assertAllowed, assertDenied, startApp } from "../src/index.ts";

// The probe app that the repository's own tests of the runtime use is written by the Python side; DocVault is always here.
const APP = fileURLToPath(new URL("../../../../apps/docvault", import.meta.url));
const DOCUMENTS = fileURLToPath(new URL("../../../../fixtures/documents", import.meta.url));

test("the real runtime answers, refuses with reasons, and its deny twin differs in one line", async () => {
  await using app = await startApp(APP, { pick: [DOCUMENTS] });
  assert.match(app.grants["fs.user-selected"] ?? "", /read/);
  assert.ok(app.commands.has("fs.pick") && !app.commands.has("clipboard.write"));

  const [folder] = await assertAllowed(() => app.fs.pick({ kind: "directory", access: "read" }));
  assert.ok(folder && (await app.fs.list(folder.handle, "")).entries.length > 0, "what was picked can be read");

  const denied = await assertDenied(() => app.clipboard.write("x"), { because: "clipboard", code: "unknown_command" });
  assert.ok(denied instanceof CapabilityDenied && denied.fix.includes("clipboard"));
  assert.deepEqual(await assertAllowed(app.fs.pick({ kind: "file", access: "read-write" })), []);
  await assertDenied(app.call("fs.read", { root: "$DOCUMENTS", path: "a" }), { code: "capability_denied" });

  await using narrower = await startApp(APP, { manifest: ({ capabilities }) => (capabilities["fs.user-selected"] = "read") });
  await assertDenied(narrower.fs.pick({ kind: "file", access: "read-write" }), { because: "fs.user-selected", code: "capability_denied" });
});

test("assertions fail for what they do not assert", async () => {
  const denial = new CapabilityDenied("capability_denied", "no", "net", "net is not declared", "add it");
  const refuse = (): Promise<never> => Promise.reject(denial);
  await assert.rejects(assertDenied(() => Promise.resolve(1)), /allowed and gave 1/);
  await assert.rejects(assertDenied(refuse, { because: "clipboard" }), /another reason: net is not declared \[net\]/);
  await assert.rejects(assertDenied(refuse, { code: "unknown_command" }), /denied as capability_denied/);
  await assert.rejects(assertDenied(() => Promise.reject(new Error("lost"))), /failed and was not denied: Error: lost/);
  await assert.rejects(assertAllowed(refuse), /because: net is not declared\nto allow it: add it/);
  assert.equal(await assertDenied(refuse, { because: "net" }), denial);
});

test("data is kept where it is asked for and a folder that is no app is told", async () => {
  await assert.rejects(startApp(DOCUMENTS), /locara\.json/);
  await assert.rejects(startApp(APP, { command: ["/nowhere/locara"] }), /did not start/);
});
