/** Blocks below their headings, for readers of files that mark them. */

import type { Block } from "./document.ts";

export class Outline {
  readonly #path: string[] = [];
  readonly #blocks: Block[] = [];

  /** A heading of level 1 and deeper; what follows stands below it. */
  heading(level: number, text: string): void {
    this.#path.length = Math.min(this.#path.length, level - 1);
    while (this.#path.length < level - 1) this.#path.push("");
    this.#path.push(text);
  }

  add(kind: Block["kind"], text: string): void {
    if (text.trim() === "") return;
    this.#blocks.push({ heading: this.#path.filter(Boolean).join(" \u203a "), kind, text: text.trim() });
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }
}
