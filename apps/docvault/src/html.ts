/** HTML to blocks: headings, prose, rows of tables, code. Scripts and styles are not text. */

import type { Block } from "./document.ts";
import { readMarkup, type Tag } from "./markup.ts";
import { Outline } from "./outline.ts";

const BREAKS = new Set(
  ("address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form header hr li main nav ol p " +
    "section summary table tbody tfoot thead ul").split(" "),
);

/** Takes in tags and text, and gives the outline out. */
class Reader {
  readonly outline = new Outline();
  #text = "";
  #level = 0;
  #code = false;
  #row: string[] | undefined;

  tag({ name, closes }: Tag): void {
    const level = /^h([1-6])$/.exec(name)?.[1];
    if (level !== undefined) {
      this.#flush();
      this.#level = closes ? 0 : Number(level);
    } else if (name === "pre") {
      this.#flush();
      this.#code = !closes;
    } else if (name === "tr") {
      if (closes) this.#endRow();
      else {
        this.#flush();
        this.#row = [];
      }
    } else if ((name === "td" || name === "th") && this.#row) {
      // The end of a cell may be left out: the next one ends it.
      if (closes || this.#text.trim() !== "") this.#cell();
    } else if (name === "br") {
      this.#text += "\n";
    } else if (BREAKS.has(name)) {
      if (name === "table" && closes) this.#endRow();
      if (this.#row) this.#text += " ";
      else this.#flush();
    }
  }

  text(text: string): void {
    this.#text += this.#code ? text : text.replace(/\s+/g, " ");
  }

  end(): readonly Block[] {
    this.#endRow();
    this.#flush();
    return this.outline.blocks;
  }

  #cell(): void {
    this.#row?.push(oneLine(this.#text));
    this.#text = "";
  }

  #endRow(): void {
    if (!this.#row) return;
    if (this.#text.trim() !== "") this.#cell();
    this.outline.add("table", this.#row.filter((cell) => cell !== "").join(" | "));
    this.#row = undefined;
    this.#text = "";
  }

  #flush(): void {
    const text = this.#text;
    this.#text = "";
    if (this.#level > 0) {
      if (text.trim() !== "") this.outline.heading(this.#level, oneLine(text));
    } else if (this.#code) this.outline.add("code", text);
    else this.outline.add("prose", text.split("\n").map(oneLine).filter(Boolean).join("\n"));
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

export function htmlBlocks(source: string): readonly Block[] {
  const reader = new Reader();
  readMarkup(source, true, (tag) => reader.tag(tag), (text) => reader.text(text));
  return reader.end();
}
