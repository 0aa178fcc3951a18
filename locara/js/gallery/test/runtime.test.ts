/** `@locara/test` in Vitest, as an app's author uses it: the built package, the real runtime, the real sandbox. */

import { assertAllowed, assertDenied, startApp, type TestApp } from "@locara/test";
import { afterAll, beforeAll, expect, test } from "vitest";

import { here } from "./browser.ts";

const APP = here("../../../apps/docvault");
let app: TestApp;

beforeAll(async () => {
  app = await startApp(APP, { pick: [here("../../../fixtures/documents")] });
});
afterAll(() => app?.close());

test("what the manifest grants works", async () => {
  expect(app.grants).toHaveProperty("fs.user-selected");
  const [folder] = await assertAllowed(() => app.fs.pick({ kind: "directory", access: "read" }));
  expect((await app.fs.list(folder?.handle ?? "", "")).entries.length).toBeGreaterThan(0);
  await app.settings.set("colour", "blue");
  expect(await app.settings.get("colour")).toBe("blue");
});

test("what it does not grant is refused, with the line that would", async () => {
  const denied = await assertDenied(() => app.net.fetch({ url: "https://example.com/" }), { because: "net", code: "unknown_command" });
  expect(denied.fix).toContain("net");
  await expect(assertDenied(() => app.app.info())).rejects.toThrow(/was allowed/);
});

test("the same call in a copy with one line more is another answer", async () => {
  await using wider = await startApp(APP, { manifest: ({ capabilities }) => (capabilities["net"] = { allowed_hosts: ["unreachable.example.com"] }) });
  expect(wider.commands.has("net.fetch")).toBe(true);
  await assertDenied(() => wider.net.fetch({ url: "https://elsewhere.example.com/" }), { because: "elsewhere.example.com", code: "capability_denied" });
});
