/** The text of PDF files. Needs modality `image-to-text` (or tooling `ocr`), and no model. */

import { base64ToBytes } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Sizes in points (1/72 inch). `hasText` is false for a scan and for an empty page. */
export interface PdfPage {
  readonly page: number;
  readonly width: number;
  readonly height: number;
  readonly text: string;
  readonly hasText: boolean;
  readonly damaged: boolean;
}

export interface PdfText {
  /** Pages of the whole file. */
  readonly pageCount: number;
  readonly pages: readonly PdfPage[];
}

/** A page as a grey PNG file, sizes in pixels. */
export interface PdfPicture {
  readonly page: number;
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

export interface PdfFile {
  /** `$APP_DATA`, a granted folder, or a handle of `fs.pick` (then path is empty). */
  readonly root: string;
  readonly path: string;
}

export interface Pdf {
  /** At most 200 pages in one call, from `first` (1 unless told). */
  text(
    request: PdfFile & { readonly first?: number; readonly count?: number },
    options?: Pick<CallOptions, "signal">,
  ): Promise<PdfText>;
  /** One page as a picture, at 300 dpi unless told: what `ocr.fromBytes` reads where a page has no text. */
  render(
    request: PdfFile & { readonly page: number; readonly dpi?: number },
    options?: Pick<CallOptions, "signal">,
  ): Promise<PdfPicture>;
}

export function createPdf(transport: Transport): Pdf {
  return {
    async text(request, options = {}) {
      return (await transport.call("pdf.text", { ...request }, options)) as unknown as PdfText;
    },
    async render(request, options = {}) {
      const result = await transport.call("pdf.render", { ...request }, options);
      const { data, ...rest } = result as unknown as Omit<PdfPicture, "png"> & { data: string };
      return { ...rest, png: base64ToBytes(data) };
    },
  };
}
