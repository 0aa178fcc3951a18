/** From the bytes of a file to pages of text, whatever kind of file it is. */

import { docxBlocks } from "./docx.ts";
import { Unreadable, type DocumentKind, type Extraction, type Page, type Problem } from "./document.ts";
import { htmlBlocks } from "./html.ts";
import { joinLines } from "./layout.ts";
import { markdownBlocks } from "./markdown.ts";
import type { PdfReader } from "./pdf.ts";
import { cleanText } from "./text.ts";

export const MAX_FILE_BYTES = 64 * 1024 * 1024;

const KINDS: Readonly<Record<string, DocumentKind>> = {
  pdf: "pdf",
  md: "markdown",
  markdown: "markdown",
  txt: "text",
  text: "text",
  html: "html",
  htm: "html",
  xhtml: "html",
  docx: "docx",
};

export const UNSUPPORTED = "Only PDF, Word (.docx), HTML, Markdown and plain text files are read.";

/** The kind a file's name promises, or undefined when this app does not read such files. */
export function kindOf(name: string): DocumentKind | undefined {
  return KINDS[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ""];
}

/** Throws Unreadable when nothing can be kept from the file. */
export async function extract(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  pdf: PdfReader,
  signal?: AbortSignal,
): Promise<Extraction> {
  const kind = kindOf(name);
  if (!kind) throw new Unreadable("unsupported", UNSUPPORTED);
  if (bytes.length === 0) throw new Unreadable("empty", "The file is empty.");
  if (kind === "pdf") {
    if (!startsLikePdf(bytes)) throw new Unreadable("damaged", "The name says PDF, but the content is something else.");
    return pdf.read(bytes, signal);
  }
  if (kind === "docx") {
    const blocks = (await docxBlocks(bytes)).map((block) => ({ ...block, text: cleanText(block.text) }));
    if (blocks.length === 0) throw new Unreadable("empty", "The file has no text.");
    return { kind, pageCount: 1, pages: [{ number: 1, blocks }], problems: [] };
  }
  const { text, problems } = decodeText(bytes);
  const blocks = BLOCKS[kind](text);
  if (blocks.length === 0) throw new Unreadable("empty", "The file has no text.");
  return { kind, pageCount: 1, pages: [{ number: 1, blocks }], problems };
}

const BLOCKS = {
  markdown: markdownBlocks,
  text: (text: string) => textBlocks(text),
  html: (text: string) => htmlBlocks(text).map((block) => ({ ...block, text: cleanText(block.text) })),
} as const;

/** The header may stand a little way into the file. */
function startsLikePdf(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, 1024)).includes("%PDF-");
}

function decodeText(bytes: Uint8Array): { text: string; problems: Problem[] } {
  const [first, second] = bytes;
  const wide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (wide) {
    const decoder = new TextDecoder(first === 0xff ? "utf-16le" : "utf-16be");
    return { text: cleanText(decoder.decode(bytes)), problems: [] };
  }
  if (bytes.includes(0)) throw new Unreadable("not_text", "The name says text, but the content is something else.");
  try {
    return { text: cleanText(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), problems: [] };
  } catch {
    const text = cleanText(new TextDecoder("windows-1252").decode(bytes));
    const message = "The file does not say how its letters are encoded; it was read as Western European (1252).";
    return { text, problems: [{ code: "guessed_encoding", page: null, message }] };
  }
}

/** Paragraphs of plain text. A line that looks complete in itself stays a line of its own. */
function textBlocks(text: string): Page["blocks"] {
  return text
    .split(/\n[ \t]*\n/)
    .map((paragraph) => paragraph.split("\n").filter((line) => line.trim() !== ""))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const ragged = lines.some((line) => line.length < 50) && lines.length > 1;
      return { heading: "", kind: "prose" as const, text: ragged ? lines.join("\n") : joinLines(lines) };
    });
}
