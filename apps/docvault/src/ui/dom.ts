/** Making and finding elements. Text goes in as text, so nothing in a document or a file name becomes markup. */

export interface Parts {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
  readonly onClick?: () => void;
  readonly children?: readonly Node[];
}

export function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, parts: Parts = {}): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (parts.class !== undefined) element.className = parts.class;
  if (parts.text !== undefined) element.textContent = parts.text;
  if (parts.title !== undefined) element.title = parts.title;
  if (parts.onClick) element.addEventListener("click", parts.onClick);
  if (parts.children) element.append(...parts.children);
  if (element instanceof HTMLButtonElement) element.type = "button";
  return element;
}

/** The element of the page with this id. The page and this code are built together, so it is there. */
export function byId<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** A file's name as it can be shown: what would hide or turn letters round is spelled out. */
export function shownName(name: string): string {
  return name.replace(HIDDEN, (letter) => `[U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
}
