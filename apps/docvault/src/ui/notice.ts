/** What the person must see: errors, with what would help, and what went well. */

import { CapabilityDenied } from "@locara/sdk";

import { byId } from "./dom.ts";

const SECONDS_SHOWN = 12;
const timers = new Map<string, number>();

/** An error in words. A denial names the line that is missing in the manifest. */
export function explain(error: unknown): string {
  if (error instanceof CapabilityDenied) {
    const fix = error.fix === "" ? "" : `\nMissing in locara.json: ${error.fix}`;
    return `${error.message}${fix}`;
  }
  return error instanceof Error ? error.message : String(error);
}

export function showNotice(error: unknown): void {
  show("notice", explain(error));
}

/** Something that went well, in one line. */
export function tell(text: string): void {
  show("told", text);
}

function show(id: "notice" | "told", text: string): void {
  const box = byId(id, HTMLDivElement);
  box.textContent = text;
  box.hidden = false;
  window.clearTimeout(timers.get(id));
  timers.set(id, window.setTimeout(() => {
    box.hidden = true;
  }, SECONDS_SHOWN * 1000));
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
