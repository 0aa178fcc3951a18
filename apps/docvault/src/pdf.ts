/** Text of PDF files, page by page, through pdf.js. What has no text is reported, never passed over. */

import { Unreadable, type Extraction, type Page, type Problem } from "./document.ts";
import { layOut, type Piece } from "./layout.ts";

/** The part of pdf.js used here. It is handed in, so that pages load its browser build and tests its Node build. */
export type PdfLibrary = Pick<typeof import("pdfjs-dist"), "getDocument" | "OPS">;

export interface PdfAssets {
  /** Where the character maps of pdf.js lie, with a trailing slash: an address in a page, a path under Node. */
  readonly cMapUrl: string;
}

export interface PdfReader {
  /** Throws Unreadable for a damaged or locked file. `signal` stops between pages. */
  read(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Extraction>;
}

type PdfDocument = Awaited<ReturnType<PdfLibrary["getDocument"]>["promise"]>;
type PdfPage = Awaited<ReturnType<PdfDocument["getPage"]>>;
type TextItems = Awaited<ReturnType<PdfPage["getTextContent"]>>["items"];

export const MAX_PAGES = 2_000;
/** A page with a picture and fewer characters than this is taken for a scan with a page number on it. */
const FEW_CHARACTERS = 40;

export function createPdfReader(library: PdfLibrary, assets: PdfAssets): PdfReader {
  return {
    async read(bytes, signal) {
      const task = library.getDocument({
        // pdf.js takes the buffer over, and the caller still needs it.
        data: bytes.slice(),
        cMapUrl: assets.cMapUrl,
        cMapPacked: true,
        disableFontFace: true,
        useSystemFonts: false,
        enableXfa: false,
        stopAtErrors: false,
        verbosity: 0,
      });
      try {
        return await readPages(await open(task.promise), library, signal);
      } finally {
        await task.destroy();
      }
    },
  };
}

async function open(document: Promise<PdfDocument>): Promise<PdfDocument> {
  try {
    return await document;
  } catch (cause) {
    if ((cause as Error).name === "PasswordException") {
      throw new Unreadable("locked", "This PDF is protected by a password.");
    }
    throw new Unreadable("damaged", "This file is not a complete PDF, so nothing could be read from it.");
  }
}

async function readPages(document: PdfDocument, library: PdfLibrary, signal?: AbortSignal): Promise<Extraction> {
  const pages: Page[] = [];
  const problems: Problem[] = [];
  const count = Math.min(document.numPages, MAX_PAGES);
  if (document.numPages > MAX_PAGES) {
    const message = `Only the first ${MAX_PAGES} of ${document.numPages} pages were read.`;
    problems.push({ code: "too_many_pages", page: null, message });
  }
  for (let number = 1; number <= count; number++) {
    signal?.throwIfAborted();
    try {
      const page = await document.getPage(number);
      const blocks = layOut(toPieces((await page.getTextContent()).items));
      const characters = blocks.reduce((sum, block) => sum + block.text.length, 0);
      if (characters < FEW_CHARACTERS) {
        const problem = await textlessProblem(page, library, number, characters);
        if (problem) problems.push(problem);
      }
      if (characters > 0) pages.push({ number, blocks });
      page.cleanup();
    } catch {
      problems.push({ code: "unreadable_page", page: number, message: `Page ${number} is damaged and was left out.` });
    }
  }
  return { kind: "pdf", pageCount: document.numPages, pages, problems };
}

async function textlessProblem(
  page: PdfPage,
  { OPS }: PdfLibrary,
  number: number,
  characters: number,
): Promise<Problem | undefined> {
  const pictures = new Set<number>([OPS.paintImageXObject, OPS.paintInlineImageXObject, OPS.paintImageMaskXObject]);
  const { fnArray } = await page.getOperatorList();
  if (fnArray.some((operation) => pictures.has(operation))) {
    const message = `Page ${number} is a picture (a scan) without a text layer, so its words cannot be searched.`;
    return { code: "no_text_layer", page: number, message };
  }
  if (characters > 0) return undefined;
  return { code: "blank_page", page: number, message: `Page ${number} has no text.` };
}

function toPieces(items: TextItems): Piece[] {
  const pieces: Piece[] = [];
  for (const item of items) {
    if (!("str" in item) || item.str.trim() === "") continue;
    const [a, b, , , e, f] = item.transform as [number, number, number, number, number, number];
    const angle = Math.round((Math.atan2(b, a) * 180) / Math.PI);
    const turn = (-angle * Math.PI) / 180;
    const x = e * Math.cos(turn) - f * Math.sin(turn);
    const y = e * Math.sin(turn) + f * Math.cos(turn);
    pieces.push({ text: item.str, x, y, width: item.width, height: item.height || Math.hypot(a, b), angle });
  }
  return pieces;
}
