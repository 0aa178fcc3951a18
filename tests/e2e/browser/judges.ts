/** What is held against a page: axe's rules, and what a person without a mouse meets. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { AxeResults } from "axe-core";
import type { ElementHandle, Page } from "playwright-core";

import { differing } from "./picture.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** More stops than any page of ours has: an order that does not come round is one that holds the focus. */
const MOST_STOPS = 80;
/** Around an element, in pixels: a ring is drawn outside of it. */
const EDGE = 8;
/** Pixels that must change: a browser smooths a corner differently now and then, and a ring has hundreds. */
const FEWEST_PIXELS = 40;

/** What axe finds on the page as it is now, by all its rules: one line each, none when it is content. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated by the browser's own tools, which the page's policy does not concern.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
  if (found.passes.length === 0) throw new Error("axe looked at nothing");
  return found.violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${impact}): ${target.join(" ")}: ${failureSummary}`),
  );
}

/** Where the keyboard is. */
export interface Stop {
  /** Role-like tag and accessible words, such as `button Ask` or `input question`. */
  readonly name: string;
  /** Of its box, in pixels of the page's window. */
  readonly x: number;
  readonly y: number;
  /** It lies in the window, and having the focus changes how it looks. */
  readonly isSeen: boolean;
}

type Focus = ElementHandle<HTMLElement>;

async function focusOf(page: Page): Promise<Focus | undefined> {
  const handle = await page.evaluateHandle(() => {
    const { activeElement, body, documentElement } = document;
    return activeElement === body || activeElement === documentElement ? null : activeElement;
  });
  return (handle.asElement() as Focus | null) ?? undefined;
}

const nameOf = (element: Focus): Promise<string> =>
  element.evaluate((one) => {
    const label = one.getAttribute("aria-label") ?? (one as HTMLInputElement).labels?.[0]?.textContent ?? one.textContent ?? "";
    return `${one.tagName.toLowerCase()} ${label.trim().replace(/\s+/g, " ") || one.id}`.slice(0, 120);
  });

/** The name alone of what has the focus: quick, for going past it. */
export async function focusedName(page: Page): Promise<string | undefined> {
  const element = await focusOf(page);
  return element && nameOf(element);
}

/** The element that has the focus; undefined when none has. Whether it is seen is judged by pixels. */
export async function focused(page: Page): Promise<Stop | undefined> {
  const element = await focusOf(page);
  if (element === undefined) return undefined;
  const name = await nameOf(element);
  const box = await element.boundingBox();
  const window = page.viewportSize();
  if (box === null || window === null) return { name, x: 0, y: 0, isSeen: false };
  const [x, y] = [Math.max(0, box.x - EDGE), Math.max(0, box.y - EDGE)];
  const [right, below] = [Math.min(window.width, box.x + box.width + EDGE), Math.min(window.height, box.y + box.height + EDGE)];
  if (right - x < EDGE || below - y < EDGE) return { name, x: box.x, y: box.y, isSeen: false };
  const clip = { x, y, width: right - x, height: below - y };
  const withFocus = await page.screenshot({ clip });
  await element.evaluate((one) => one.blur());
  const without = await page.screenshot({ clip });
  // After a key the browser draws the ring again for a focus that a program gives.
  await element.evaluate((one) => one.focus({ preventScroll: true }));
  return { name, x: box.x, y: box.y, isSeen: differing(withFocus, without) >= FEWEST_PIXELS };
}

/** Every stop of the Tab key from the top of the page until it comes round, in its order. */
export async function tabStops(page: Page, most = MOST_STOPS): Promise<Stop[]> {
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const stops: Stop[] = [];
  for (let at = 0; at < most; at++) {
    await page.keyboard.press("Tab");
    const stop = await focused(page);
    if (stop === undefined) return stops;
    stops.push(stop);
  }
  throw new Error(`the keyboard does not come round: ${stops.slice(-5).map(({ name }) => name).join(", ")}`);
}
