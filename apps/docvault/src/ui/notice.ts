/** Errors the person must see, with what would help. */

import { CapabilityDenied } from "@locara/sdk";

import { byId } from "./dom.ts";

const SECONDS_SHOWN = 12;

/** An error in words. A denial names the line that is missing in the manifest. */
export function explain(error: unknown): string {
  if (error instanceof CapabilityDenied) {
    const fix = error.fix === "" ? "" : `\nMissing in locara.json: ${error.fix}`;
    return `${error.message}${fix}`;
  }
  return error instanceof Error ? error.message : String(error);
}

export function showNotice(error: unknown): void {
  const box = byId("notice", HTMLDivElement);
  box.textContent = explain(error);
  box.hidden = false;
  setTimeout(() => {
    box.hidden = true;
  }, SECONDS_SHOWN * 1000);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
