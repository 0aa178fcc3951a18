/** Transcribe in a browser: axe is content with every screen in light and dark, and a person needs no mouse. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { Page } from "playwright-core";

import { RATE, wavOf } from "../../../apps/transcribe/src/sound.ts";
import { openApp, ROOT, type Theme } from "./app.ts";
import { tabStops, violations } from "./judges.ts";
import { goTo, isSane, meets } from "./walk.ts";

const MEETING = join(ROOT, "fixtures/audio/s6-meeting.wav");
const LAST = "Please send the meeting notes tomorrow.";

const isReady = (page: Page): Promise<void> => page.locator("#privacy:not(:empty)").waitFor();
/** Every word is heard, and the page has come to rest. */
const isHeard = async (page: Page): Promise<void> => {
  await page.locator(".transcript .words", { hasText: LAST }).waitFor();
  await page.locator("#live").waitFor({ state: "hidden" });
};

for (const theme of ["light", "dark"] satisfies Theme[]) {
  test(`axe is content with every screen, ${theme}`, async () => {
    await using app = await openApp("transcribe", { picks: [MEETING], theme });
    const { page } = app;
    const judge = async (screen: string): Promise<void> => {
      await app.shoot(screen);
      assert.deepEqual(await violations(page), [], screen);
    };
    await isReady(page);
    await judge("empty");

    await page.getByRole("button", { name: "Open a file" }).click();
    await page.getByRole("status").getByText(/^(?:Listening to|Heard until)/).waitFor();
    await judge("listening");
    await isHeard(page);
    await judge("transcript");

    await page.getByRole("combobox", { name: "Speaker at 0:00" }).fill("Laura");
    await page.getByRole("button", { name: "Write a summary" }).click();
    await page.getByText("Check it against the transcript").waitFor();
    await page.getByRole("checkbox").first().check();
    await judge("notes");

    const search = page.getByRole("searchbox", { name: "Search all recordings" });
    await search.fill("marketing sli");
    await page.locator("#list .said").first().waitFor();
    await judge("search");
    await page.locator("#list button").first().click();
    await page.locator(".transcript li.here").waitFor();
    await judge("moment");
    await search.fill("zebra");
    await page.getByText("Nobody said that.").waitFor();
    await judge("nothing-found");
    await search.fill("");

    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Really delete?" }).waitFor();
    await judge("delete");
    await page.getByRole("button", { name: "Really delete?" }).click();
    await page.getByRole("heading", { name: "What was said?" }).waitFor();
  });
}

test("silence is said to be silence, and a file that is no sound says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "locara-silent-"));
  try {
    const [silent, letter] = [join(folder, "silent.wav"), join(folder, "letter.mp3")];
    writeFileSync(silent, wavOf(new Uint8Array(2 * RATE)));
    writeFileSync(letter, "Dear Laura, this is no sound at all.");
    {
      await using app = await openApp("transcribe", { picks: [silent] });
      await isReady(app.page);
      await app.page.getByRole("button", { name: "Open a file" }).click();
      await app.page.getByText("Nothing was said that could be heard.").waitFor();
      await app.shoot("silence");
      assert.deepEqual(await violations(app.page), []);
    }
    await using app = await openApp("transcribe", { picks: [letter] });
    await isReady(app.page);
    await app.page.getByRole("button", { name: "Open a file" }).click();
    await app.page.getByRole("alert").getByText("This file has no sound that can be read here").waitFor();
    await app.page.getByRole("heading", { name: "What was said?" }).waitFor(); // and nothing stays of it
    assert.deepEqual(await violations(app.page), []);
    await app.shoot("no-sound");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("from the file to its subtitles with the keyboard alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "locara-saved-"));
  try {
    await using app = await openApp("transcribe", { picks: [MEETING, folder] });
    const { page } = app;
    await isReady(page);
    const empty = await tabStops(page);
    assert.deepEqual(empty.map(({ name }) => name), [
      "a Skip to the transcript",
      "button Open a file",
      "button Record",
      "input Search all recordings",
    ]);
    isSane(empty);

    await goTo(page, "button Open a file");
    await page.keyboard.press("Enter");
    await isHeard(page);
    await meets(page, "button Open a file"); // the keyboard is where it was before the hearing
    isSane(await tabStops(page));

    await goTo(page, "input Speaker at 0:00");
    await page.keyboard.type("Laura");
    await page.keyboard.press("Tab");
    await meets(page, "div Words at 0:00");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("Good morning, team.");
    await page.keyboard.press("Enter");
    await page.getByText("Good morning, team.").waitFor();

    await goTo(page, "button Write a summary");
    await page.keyboard.press("Enter");
    await page.getByText("Check it against the transcript").waitFor();
    await meets(page, "button Write it again");

    await page.keyboard.press("/");
    await meets(page, "input Search all recordings");
    await page.keyboard.type("marketing sli");
    await page.locator("#list .said").nth(1).waitFor();
    await page.keyboard.press("Tab");
    await meets(page, /^button .*marketing slides/);
    await page.keyboard.press("Enter");
    await page.locator(".transcript li.here").waitFor();
    await meets(page, /^div Words at 0:(?:07|10)$/); // the moment it was said

    await goTo(page, "button srt");
    await page.keyboard.press("Enter");
    await page.getByText("Saved as s6-meeting.srt").waitFor();
    await meets(page, "button srt");
    const parts = readFileSync(join(folder, "s6-meeting.srt"), "utf8").trim().split("\n\n");
    assert.equal(parts.length, 6);
    assert.match(parts[0] ?? "", /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nLaura: Good morning, team\.$/);

    await goTo(page, "button Delete");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "What was said?" }).waitFor();
    await meets(page, "button Open a file");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
