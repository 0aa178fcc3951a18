/** From pages to passages: what is embedded, searched and cited. A passage never crosses a page or a heading. */

import type { Block, Page } from "./document.ts";
import { sentences } from "./text.ts";

export interface Passage {
  readonly page: number;
  /** Position in the document, from 0. */
  readonly ordinal: number;
  readonly heading: string;
  readonly kind: Block["kind"];
  readonly text: string;
}

/** Characters. Small enough that a passage is about one thing and fits an embedding model many times over. */
export const PASSAGE_CHARACTERS = 420;

export function chunk(pages: readonly Page[]): Passage[] {
  const passages: Passage[] = [];
  for (const { number, blocks } of pages) {
    for (const group of groups(blocks)) {
      const [{ heading, kind }] = group as [Block];
      for (const text of pack(group.flatMap((block) => units(block)))) {
        passages.push({ page: number, ordinal: passages.length, heading, kind, text });
      }
    }
  }
  return passages;
}

/** Neighbouring blocks under the same heading and of the same kind. */
function groups(blocks: readonly Block[]): Block[][] {
  const found: Block[][] = [];
  for (const block of blocks) {
    const last = found.at(-1);
    if (last?.[0]?.heading === block.heading && last[0].kind === block.kind) last.push(block);
    else found.push([block]);
  }
  return found;
}

/** What is kept whole when there is room: sentences of prose, rows of a table, lines of code. */
function units(block: Block): string[] {
  const whole = block.kind === "prose" ? sentences(block.text) : block.text.split("\n");
  return whole.filter((unit) => unit.trim() !== "").flatMap(splitLong);
}

function splitLong(unit: string): string[] {
  const parts: string[] = [];
  let rest = unit.trimEnd();
  while (rest.length > PASSAGE_CHARACTERS) {
    const blank = rest.lastIndexOf(" ", PASSAGE_CHARACTERS);
    // Never between the two halves of a character outside the basic plane.
    let cut = blank > PASSAGE_CHARACTERS / 2 ? blank : PASSAGE_CHARACTERS;
    if (/[\ud800-\udbff]/.test(rest[cut - 1] ?? "")) cut--;
    parts.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  return rest === "" ? parts : [...parts, rest];
}

function pack(list: readonly string[]): string[] {
  const packed: string[] = [];
  for (const unit of list) {
    const last = packed.at(-1);
    if (last !== undefined && last.length + 1 + unit.length <= PASSAGE_CHARACTERS) packed[packed.length - 1] = `${last}\n${unit}`;
    else packed.push(unit);
  }
  return packed;
}
