/** Every component in light and dark: axe finds nothing, the keyboard reaches everything, and pictures are kept. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Server } from "node:http";

import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { here, openBrowser, PICTURES, serve } from "./browser.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const NAMES = [
  "chat", "message", "prompt-input", "streaming-text", "citations", "model-picker", "model-download", "capability-badge",
  "consent-summary", "denied-notice", "file-drop", "file-list", "document-viewer", "transcript", "waveform", "recorder",
  "search-box", "settings-form", "audit-log-table", "empty-state", "error-boundary",
];

let browser: Browser;
let server: Server;
let url: string;

beforeAll(async () => {
  browser = await openBrowser();
  ({ server, url } = await serve(here("dist")));
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(query = "", options: { width?: number; reducedMotion?: "reduce" } = {}): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1180, height: 900 },
    ...(options.reducedMotion ? { reducedMotion: options.reducedMotion } : {}),
  });
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  await page.goto(`${url}/${query}`);
  await page.waitForSelector("[data-shown]");
  // One component shows what it does with an error: that one is meant.
  expect(wrong.filter((text) => !text.includes("could not be drawn"))).toEqual([]);
  return page;
}

async function violations(page: Page, scope?: string): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(
    (selector) => (window as unknown as { axe: { run(where?: unknown): Promise<AxeResults> } }).axe.run(selector ?? document),
    scope,
  );
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
}

describe.each(["light", "dark"])("%s", (theme) => {
  const query = theme === "dark" ? "?dark" : "";

  test("axe finds nothing", { timeout: 60_000 }, async () => {
    const page = await open(query);
    expect(await page.locator("html").evaluate((html) => html.classList.contains("dark"))).toBe(theme === "dark");
    expect(await violations(page)).toEqual([]);
    await page.close();
  });

  test("a picture of each is kept, with something in it", { timeout: 120_000 }, async () => {
    const page = await open(query);
    expect(await page.locator("[data-shown]").evaluateAll((all) => all.map((one) => one.getAttribute("data-shown")))).toEqual(NAMES);
    for (const name of NAMES) {
      const picture = await page.locator(`[data-shown="${name}"]`).screenshot({ path: `${PICTURES}/${name}-${theme}.png` });
      expect(picture.length, name).toBeGreaterThan(1_000);
    }
    await page.screenshot({ path: `${PICTURES}/gallery-${theme}.png`, fullPage: true });
    await page.close();
  });
});

test("axe is not blind: a button without a name and grey on grey are found", async () => {
  const page = await open();
  await page.locator('[data-shown="message"]').evaluate((place) => {
    place.innerHTML = '<button></button><p style="color:#bbb;background:#fff">too pale to read</p>';
  });
  const found = await violations(page, '[data-shown="message"]');
  expect(found.join("\n")).toMatch(/button-name/);
  expect(found.join("\n")).toMatch(/color-contrast/);
  await page.close();
});

test("on a narrow screen nothing is wider than it", async () => {
  const page = await open("", { width: 360 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(360);
  // Nor is anything cut off: only the table of decisions scrolls sideways.
  const cut = await page.locator("[data-shown]").evaluateAll((shown) =>
    shown.flatMap((place) =>
      [...place.querySelectorAll("*")]
        .filter((one) => !one.closest("table, .sr-only, svg") && one.getBoundingClientRect().right > place.getBoundingClientRect().right)
        .map((one) => one.outerHTML.slice(0, 120)),
    ),
  );
  expect(cut).toEqual([]);
  await page.screenshot({ path: `${PICTURES}/gallery-narrow.png`, fullPage: true });
  await page.close();
});

test("who wants no motion sees none", async () => {
  const moving = async (page: Page): Promise<number> =>
    page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  const [still, lively] = [await open("", { reducedMotion: "reduce" }), await open()];
  expect(await moving(still)).toBe(0);
  expect(await moving(lively), "there is motion to be left out").toBeGreaterThan(0);
  await still.close();
  await lively.close();
});

test("every control is reached by Tab and shows where the keyboard is", { timeout: 60_000 }, async () => {
  const page = await open();
  const wanted = await page
    .locator("[data-shown] :is(button:not([disabled]), input, textarea:not([disabled]), select, summary, [role=slider])")
    .evaluateAll((all) => all.filter((one) => (one as HTMLElement).checkVisibility()).map((one, at) => ((one as HTMLElement).dataset["at"] = String(at))).length);
  const seen = new Set<string>();
  const unseen: string[] = [];
  for (let step = 0; step < wanted + 80; step++) {
    await page.keyboard.press("Tab");
    const [at, marked, what] = await page.evaluate(() => {
      const one = document.activeElement as HTMLElement;
      // A ring on the control, or on the box that stands for it.
      const ringed = [one, one.parentElement, one.closest("label"), one.closest("form")].some((place) => place && /(?:2|1)px/.test(getComputedStyle(place).boxShadow.replace(/rgba\(0, 0, 0, 0\) [^,]*/g, "")));
      return [one.dataset["at"] ?? "", ringed || getComputedStyle(one).outlineStyle !== "none", one.outerHTML.slice(0, 120)] as const;
    });
    if (at !== "") seen.add(at);
    if (at !== "" && !marked) unseen.push(what);
  }
  // Of a group of radio buttons one is reached by Tab, and the others by the arrow keys.
  const radios = await page.locator("[data-shown] input[type=radio]").count();
  expect(seen.size).toBe(wanted - (radios - 1));
  expect(unseen).toEqual([]);
  await page.close();
});

test("keys do what they say", async () => {
  const page = await open();
  const shown = (name: string) => page.locator(`[data-shown="${name}"]`);

  await shown("chat").getByRole("textbox").fill("And the keys?");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("All of them.");
  await page.keyboard.press("Enter");
  await expect.poll(() => shown("chat").getByRole("article").count()).toBe(4);
  expect(await shown("chat").getByRole("article").nth(2).innerText()).toContain("And the keys?\nAll of them.");
  await page.keyboard.press("Escape");
  await expect.poll(() => shown("chat").getByRole("button", { name: "Send" }).count()).toBe(1);

  await shown("model-picker").getByRole("radio").first().focus();
  await page.keyboard.press("ArrowDown");
  expect(await shown("model-picker").getByRole("radio").nth(1).isChecked()).toBe(true);

  await shown("waveform").getByRole("slider").focus();
  for (const [key, text] of [["ArrowRight", "1:19 of 3:32"], ["PageDown", "0:49 of 3:32"], ["End", "3:32 of 3:32"], ["Home", "0:00 of 3:32"]] as const) {
    await page.keyboard.press(key);
    expect(await shown("waveform").getByRole("slider").getAttribute("aria-valuetext"), key).toBe(text);
  }

  const search = shown("search-box").getByRole("combobox");
  await search.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  expect(await shown("search-box").getByRole("option", { selected: true }).innerText()).toContain("Handover notes.md");
  await page.keyboard.press("Escape");
  expect(await search.inputValue()).toBe("");

  await shown("settings-form").getByRole("switch").last().focus();
  await page.keyboard.press("Space");
  expect(await shown("settings-form").getByRole("switch").last().getAttribute("aria-checked")).toBe("true");

  const line = shown("transcript").getByRole("button", { name: "Correct the text at 0:09" });
  await line.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Then let us keep it.");
  await page.keyboard.press("Enter");
  await expect.poll(() => shown("transcript").innerText()).toContain("Then let us keep it.");
  await page.close();
});
