/** The words on scanned pages of a PDF file: each page is drawn and read outside of this app's own process. */

import { CapabilityDenied, LocaraError, type Locara } from "@locara/sdk";

import type { Block, Extraction, Page, Problem } from "./document.ts";
import { cleanText, sentences } from "./text.ts";

const DPI = 200;
/** A page of which less than this is sure is not worth being cited. */
const SURE = 0.5;
const FEW_WORDS = 3;
const MAX_PAGES = 200;

export interface ScanReader {
  /** The extraction with the pages that could be read in their places, and a word about each. */
  read(file: { readonly root: string; readonly path: string }, extraction: Extraction, signal?: AbortSignal): Promise<Extraction>;
}

export function createScanReader(locara: Pick<Locara, "ocr" | "pdf">): ScanReader {
  return {
    async read(file, extraction, signal) {
      const scans = extraction.problems.filter(({ code, page }) => code === "no_text_layer" && page !== null).slice(0, MAX_PAGES);
      const found = new Map<number, Page>();
      for (const { page } of scans) {
        signal?.throwIfAborted();
        const number = page as number;
        const blocks = await blocksOf(locara, file, number, signal);
        if (blocks.length > 0) found.set(number, { number, blocks });
      }
      if (found.size === 0) return extraction;
      const kept = extraction.pages.filter(({ number }) => !found.has(number));
      return {
        ...extraction,
        pages: [...kept, ...found.values()].sort((a, b) => a.number - b.number),
        problems: extraction.problems.map((problem) => (isRead(problem, found) ? told(problem) : problem)),
      };
    },
  };
}

async function blocksOf(
  { ocr, pdf }: Pick<Locara, "ocr" | "pdf">,
  { root, path }: { readonly root: string; readonly path: string },
  page: number,
  signal?: AbortSignal,
): Promise<Block[]> {
  try {
    const { png } = await pdf.render({ root, path, page, dpi: DPI }, { signal });
    const { pages } = await ocr.fromBytes(png, { dpi: DPI }, { signal });
    const read = pages.flatMap(({ words }) => words);
    const sure = read.reduce((sum, { confidence }) => sum + confidence, 0) / read.length;
    if (read.length < FEW_WORDS || sure < SURE) return [];
    const text = cleanText(pages.map((one) => one.text).join("\n\n"));
    const paragraphs = text.split(/\n\s*\n/).map((part) => sentences(part.replaceAll("\n", " ")).join("\n"));
    return paragraphs.filter((part) => part.trim() !== "").map((part) => ({ heading: "", kind: "prose", text: part }));
  } catch (error) {
    // A page that cannot be drawn or read stays what it was: a scan that is reported. A missing grant is no such thing.
    if (error instanceof LocaraError && !(error instanceof CapabilityDenied) && error.code !== "transport_closed") return [];
    throw error;
  }
}

function isRead({ code, page }: Problem, found: ReadonlyMap<number, Page>): boolean {
  return code === "no_text_layer" && page !== null && found.has(page);
}

function told({ page }: Problem): Problem {
  const message = `Page ${page} is a scan: its words were read from the picture and may hold mistakes.`;
  return { code: "read_from_picture", page, message };
}
