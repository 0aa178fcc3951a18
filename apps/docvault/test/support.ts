import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";

import { chunk, type Passage } from "../src/chunk.ts";
import type { Extraction } from "../src/document.ts";
import { extract } from "../src/extract.ts";
import { createPdfReader, type PdfReader } from "../src/pdf.ts";

const DOCUMENTS = new URL("../../../fixtures/documents/", import.meta.url);

export const pdf: PdfReader = createPdfReader(pdfjs, {
  cMapUrl: fileURLToPath(new URL("cmaps/", import.meta.resolve("pdfjs-dist/package.json"))),
});

export async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL(encodeURIComponent(name).replaceAll("%2F", "/"), DOCUMENTS)));
}

export async function extractFixture(name: string): Promise<Extraction> {
  return extract(name, await bytesOf(name), pdf);
}

export async function passagesOf(name: string): Promise<Passage[]> {
  return chunk((await extractFixture(name)).pages);
}
