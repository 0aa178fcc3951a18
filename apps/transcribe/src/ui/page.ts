/** Making and finding elements, and what the person must be told. Text goes in as text, never as markup. */

import { CapabilityDenied } from "@locara/sdk";

type Properties<Tag extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[Tag], "style">>;

/** An element with its properties (those of the DOM) and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties<Tag> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = Object.assign(document.createElement(tag), properties);
  if (element instanceof HTMLButtonElement) element.type = "button";
  element.append(...children);
  return element;
}

/** The element with this id. The page and this code are built together, so it is there. */
export function the<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** A name as it can be shown: what would hide or turn its letters is spelled out. */
export function shown(name: string): string {
  return name.replace(HIDDEN, (letter) => `[U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** An error in words. A denial names the line that is missing in the manifest. */
export function explained(error: unknown): string {
  if (error instanceof CapabilityDenied && error.fix !== "") return `${error.message}\nMissing in locara.json: ${error.fix}`;
  return error instanceof Error ? error.message : String(error);
}

const NOTICE_MS = 9000;
let timer = 0;

export function tell(text: string, bad = false): void {
  const box = the("notice", HTMLDivElement);
  box.textContent = text;
  box.classList.toggle("bad", bad);
  box.hidden = false;
  window.clearTimeout(timer);
  timer = window.setTimeout(() => (box.hidden = true), NOTICE_MS);
}

/** Runs what a person asked for, and tells them when it fails. */
export function attempt(work: () => Promise<unknown>): void {
  work().catch((error: unknown) => tell(explained(error), true));
}
