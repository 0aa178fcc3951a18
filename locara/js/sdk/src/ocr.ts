/** The text in pictures. Needs modality `image-to-text` (or tooling `ocr`), and no model. */

import { bytesToBase64 } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** A word and its box in pixels from the top left corner; confidence is 0 to 1. */
export interface Word {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly confidence: number;
  readonly block: number;
  readonly paragraph: number;
  readonly line: number;
}

export interface ReadPage {
  readonly page: number;
  readonly width: number;
  readonly height: number;
  readonly text: string;
  readonly words: readonly Word[];
}

export interface ReadPicture {
  readonly text: string;
  readonly pages: readonly ReadPage[];
  readonly format: "png" | "jpeg" | "tiff" | "bmp" | "webp";
}

export interface HowToRead {
  /** As `languages()` names them, at most four; English unless told. */
  readonly languages?: readonly string[];
  readonly layout?: "auto" | "column" | "block" | "line" | "sparse";
  /** Pixels an inch, when the picture does not say it. */
  readonly dpi?: number;
}

export interface Ocr {
  /** Reads a picture file below `$APP_DATA`, a granted folder, or a handle of `fs.pick` (then path is empty). */
  fromFile(
    request: HowToRead & { readonly root: string; readonly path: string },
    options?: Pick<CallOptions, "signal">,
  ): Promise<ReadPicture>;
  /** Reads a picture that the app holds, a rendered PDF page for example. */
  fromBytes(picture: Uint8Array, how?: HowToRead, options?: Pick<CallOptions, "signal">): Promise<ReadPicture>;
  /** The languages that are installed on this machine. */
  languages(): Promise<readonly string[]>;
}

export function createOcr(transport: Transport): Ocr {
  return {
    async fromFile({ languages, ...rest }, options = {}) {
      const args = { ...rest, ...(languages === undefined ? {} : { languages: [...languages] }) };
      return (await transport.call("ocr.fromFile", args, options)) as unknown as ReadPicture;
    },
    async fromBytes(picture, { languages, ...rest } = {}, options = {}) {
      const args = { ...rest, ...(languages === undefined ? {} : { languages: [...languages] }) };
      const data = bytesToBase64(picture);
      return (await transport.call("ocr.fromBytes", { ...args, data }, options)) as unknown as ReadPicture;
    },
    async languages() {
      return ((await transport.call("ocr.languages", {})) as unknown as { languages: string[] }).languages;
    },
  };
}
