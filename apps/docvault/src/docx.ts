/** Word files to blocks: headings by their style, paragraphs, rows of tables. Deleted words and pictures are not text. */

import { Unreadable, type Block } from "./document.ts";
import { attribute, readMarkup, type Tag } from "./markup.ts";
import { Outline } from "./outline.ts";
import { fileOf } from "./zip.ts";

const MAX_TEXT_BYTES = 64 * 1024 * 1024;
/** Word names its styles in the language of whoever made the file; the number is what they share. */
const HEADING = /^(?:heading|berschrift|überschrift|titre|titolo|título|kop|rubrik|otsikko|nagwek)\s*([1-9])$/i;

class Reader {
  readonly outline = new Outline();
  #text = "";
  #level = 0;
  #inText = false;
  #row: string[] | undefined;
  #depth = 0;

  tag(tag: Tag): void {
    const { name, closes, empty } = tag;
    if (name === "w:t") this.#inText = !closes && !empty;
    else if (name === "w:tab") this.#text += " ";
    else if (name === "w:br" || name === "w:cr") this.#text += "\n";
    else if (name === "w:pstyle") this.#level = levelOf(attribute(tag, "w:val") ?? "");
    else if (name === "w:p" && (closes || empty)) this.#paragraph();
    else if (name === "w:tbl") this.#depth += closes ? -1 : 1;
    else if (name === "w:tr" && this.#depth === 1) this.#rowTag(closes);
    else if (name === "w:tc" && closes && this.#depth === 1) this.#cell();
  }

  text(text: string): void {
    if (this.#inText) this.#text += text;
  }

  #rowTag(closes: boolean): void {
    if (closes) this.outline.add("table", (this.#row ?? []).filter((cell) => cell !== "").join(" | "));
    this.#row = closes ? undefined : [];
    this.#text = "";
  }

  #cell(): void {
    this.#row?.push(this.#text.replace(/\s+/g, " ").trim());
    this.#text = "";
  }

  #paragraph(): void {
    if (this.#row) {
      this.#text += " ";
      return;
    }
    const text = this.#text.trim();
    this.#text = "";
    if (this.#level > 0 && text !== "") this.outline.heading(this.#level, text.replace(/\s+/g, " "));
    else this.outline.add("prose", text);
    this.#level = 0;
  }
}

function levelOf(style: string): number {
  if (/^(?:title|titel)$/i.test(style)) return 1;
  return Number(HEADING.exec(style)?.[1] ?? 0);
}

/** Throws Unreadable for what is no Word file, or a locked one. */
export async function docxBlocks(bytes: Uint8Array<ArrayBuffer>): Promise<readonly Block[]> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const document = isZip ? await fileOf(bytes, "word/document.xml", MAX_TEXT_BYTES) : undefined;
  if (!document) throw new Unreadable("damaged", "The name says Word, but the content is something else.");
  const reader = new Reader();
  readMarkup(new TextDecoder().decode(document), false, (tag) => reader.tag(tag), (text) => reader.text(text));
  return reader.outline.blocks;
}
