/** DocVault in a browser: axe is content with every screen in light and dark, and a person needs no mouse. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { Page } from "playwright-core";

import { DOCUMENTS, openApp, type Theme } from "./app.ts";
import { tabStops, violations } from "./judges.ts";
import { goTo, isSane, meets } from "./walk.ts";

const FILES = ["team-handbook.pdf", "project-notes.md", "meeting-minutes.txt"].map((name) => join(DOCUMENTS, name));
const QUESTION = "What is the budget of project Orion?";

const isReady = (page: Page): Promise<void> => page.locator("#privacy:not(:empty)").waitFor();

for (const theme of ["light", "dark"] satisfies Theme[]) {
  test(`axe is content with every screen, ${theme}`, async () => {
    await using app = await openApp("docvault", { picks: FILES, theme });
    const { page } = app;
    const judge = async (screen: string): Promise<void> => {
      await app.shoot(screen);
      assert.deepEqual(await violations(page), [], screen);
    };
    await isReady(page);
    await judge("empty");
    await page.getByRole("button", { name: "New" }).click();
    await judge("new-vault");
    await page.getByRole("button", { name: "New" }).click();

    await page.getByRole("button", { name: "Add files" }).click();
    await page.locator("#documents > li").nth(2).waitFor();
    await page.getByText("3 added").waitFor();
    await judge("documents");

    await page.getByRole("textbox", { name: "Ask or search your documents" }).fill(QUESTION);
    await page.keyboard.press("Enter");
    const citation = page.locator(".cite").first();
    await citation.waitFor();
    assert.match(await page.locator(".turn .said").first().innerText(), /4200 euros/);
    await judge("answer");
    await citation.click();
    await page.locator("#viewer mark").waitFor();
    await judge("viewer");
    await page.getByRole("button", { name: "Close" }).click();

    await page.getByRole("textbox", { name: "Ask or search your documents" }).fill("Who won the cup in 1974?");
    await page.keyboard.press("Enter");
    await page.locator(".turn.refusal").waitFor();
    await page.getByRole("textbox", { name: "Ask or search your documents" }).fill("Orion");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("passages, best first").waitFor();
    await judge("search");
  });
}

test("from the first document to the cited page and back with the keyboard alone", async () => {
  await using app = await openApp("docvault", { picks: FILES });
  const { page } = app;
  await isReady(page);
  await meets(page, "input Ask or search your documents");

  const empty = await tabStops(page);
  assert.deepEqual(empty.map(({ name }) => name).slice(0, 6), [
    "a Skip to the question",
    "select Vault that is open",
    "button New",
    "button Delete",
    "button Add files",
    "button Add a folder",
  ]);
  isSane(empty);

  await goTo(page, "button Add files");
  await page.keyboard.press("Enter");
  await page.getByText("3 added").waitFor();
  await meets(page, "button Add files"); // the keyboard is where it was before the import
  isSane(await tabStops(page));

  await page.keyboard.press("/");
  await meets(page, "input Ask or search your documents");
  await page.keyboard.type(QUESTION);
  await page.keyboard.press("Enter");
  await page.locator(".cite").first().waitFor();
  isSane(await tabStops(page));
  const cited = (await goTo(page, /^button The budget of project Orion is 4200 euros\..*page 1$/)).name;

  await page.keyboard.press("Enter");
  await page.locator("#viewer[open] mark").waitFor();
  await meets(page, "button Close");
  await page.keyboard.press("Tab");
  await meets(page, /^div /); // the page that is read, which arrows scroll
  await page.keyboard.press("Escape");
  await page.locator("#viewer").waitFor({ state: "hidden" });
  await meets(page, cited); // and back at what was followed
});

test("after each act of the keyboard it is still somewhere: a new vault, a document taken away, the last one too", async () => {
  await using app = await openApp("docvault", { picks: FILES });
  const { page } = app;
  await isReady(page);
  await goTo(page, "button Add files");
  await page.keyboard.press("Enter");
  await page.getByText("3 added").waitFor();
  await goTo(page, "button Remove project-notes.md");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#documents > li").count(), 3, "one press removes nothing");
  await page.keyboard.press("Enter");
  await page.locator("#documents > li").nth(2).waitFor({ state: "detached" });
  await meets(page, "button Remove team-handbook.pdf");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.locator("#documents > li").nth(1).waitFor({ state: "detached" });
  await meets(page, "button Remove meeting-minutes.txt");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.locator("#empty").waitFor();
  await meets(page, "button Add files");

  await goTo(page, "button New");
  await page.keyboard.press("Enter");
  await meets(page, "input Name of the new vault");
  await page.keyboard.press("Escape");
  await meets(page, "button New");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Taxes");
  await page.keyboard.press("Enter");
  await page.locator("#vault option", { hasText: "Taxes (0)" }).waitFor({ state: "attached" });
  await meets(page, "select Vault that is open");
});

test("an answer and the vault are saved with the keyboard where a folder was picked", async () => {
  const folder = mkdtempSync(join(tmpdir(), "locara-saved-"));
  try {
    await using app = await openApp("docvault", { picks: [...FILES, folder] });
    const { page } = app;
    await isReady(page);
    await page.keyboard.press("Escape");
    await goTo(page, "button Add files");
    await page.keyboard.press("Enter");
    await page.getByText("3 added").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(QUESTION);
    await page.keyboard.press("Enter");
    await page.locator(".cite").first().waitFor();

    await goTo(page, "button Save this answer as Markdown");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("Saved as What is the budget of project Orion.md").waitFor();
    await meets(page, "button Save this answer as Markdown");
    await app.shoot("saved");
    assert.deepEqual(await violations(page), []);
    await goTo(page, "button Save this vault as JSON");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("Saved as My documents.json").waitFor();

    const answer = readFileSync(join(folder, "What is the budget of project Orion.md"), "utf8");
    assert.match(answer, /> The budget of project Orion is 4200 euros\./);
    assert.match(answer, /project-notes\.md, page 1/);
    const { documents } = JSON.parse(readFileSync(join(folder, "My documents.json"), "utf8"));
    assert.deepEqual(documents.map(({ name }: { name: string }) => name), ["meeting-minutes.txt", "project-notes.md", "team-handbook.pdf"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
