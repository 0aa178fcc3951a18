/** The way of a person without a mouse. */

import assert from "node:assert/strict";

import type { Page } from "playwright-core";

import { focused, focusedName, type Stop } from "./judges.ts";

/** Pixels by which two things on one line may differ. */
const LINE = 12;
const MOST_TABS = 60;

/** The keyboard is at this stop, and one sees that it is. */
export async function meets(page: Page, name: string | RegExp): Promise<Stop> {
  const stop = await focused(page);
  assert.ok(stop, `the keyboard is nowhere, not at ${name}`);
  if (typeof name === "string") assert.equal(stop.name, name);
  else assert.match(stop.name, name);
  assert.ok(stop.isSeen, `nobody sees that the keyboard is at ${stop.name}`);
  return stop;
}

/** Goes on with Tab until the keyboard is at this stop. */
export async function goTo(page: Page, name: string | RegExp): Promise<Stop> {
  const seen: string[] = [];
  for (let at = 0; at < MOST_TABS; at++) {
    await page.keyboard.press("Tab");
    const here = (await focusedName(page)) ?? "nowhere";
    seen.push(here);
    if (typeof name === "string" ? here === name : name.test(here)) return meets(page, name);
  }
  throw new Error(`Tab does not lead to ${name}: ${seen.join(", ")}`);
}

/** Each stop is seen, and within each pane the order goes down and, on a line, to the right. */
export function isSane(stops: readonly Stop[]): void {
  assert.deepEqual(stops.filter(({ isSeen }) => !isSeen).map(({ name }) => name), []);
  for (const [at, stop] of stops.entries()) {
    const before = stops[at - 1];
    if (before === undefined || before.y - LINE <= stop.y || before.x < stop.x) continue;
    assert.fail(`the keyboard jumps back from ${before.name} to ${stop.name}`);
  }
}
