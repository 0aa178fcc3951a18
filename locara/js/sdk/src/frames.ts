/** The wire: a 4-byte big-endian length, then that many bytes of UTF-8 JSON holding one object. */

import { LocaraError } from "./errors.ts";
import { isObject, type JsonObject } from "./json.ts";

/** Largest JSON text of one frame, in bytes. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const HEADER_BYTES = 4;

/** One frame as bytes. Throws LocaraError `too_large` instead of sending what the other side must refuse. */
export function encodeFrame(frame: JsonObject): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(frame));
  if (body.length > MAX_FRAME_BYTES) {
    throw new LocaraError("too_large", `a frame of ${body.length} bytes is above the limit of ${MAX_FRAME_BYTES}`);
  }
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Cuts a byte stream into frames. Throws LocaraError `bad_frame`; after that the stream cannot be trusted. */
export class FrameDecoder {
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** The frames completed by `bytes`, in order. */
  push(bytes: Uint8Array): JsonObject[] {
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    const frames: JsonObject[] = [];
    for (;;) {
      if (this.#buffered < HEADER_BYTES) return frames;
      const buffer = this.#joined();
      const length = new DataView(buffer.buffer, buffer.byteOffset).getUint32(0);
      if (length === 0 || length > MAX_FRAME_BYTES) throw new LocaraError("bad_frame", `a frame of ${length} bytes`);
      if (this.#buffered < HEADER_BYTES + length) return frames;
      frames.push(this.#parse(buffer.subarray(HEADER_BYTES, HEADER_BYTES + length)));
      const rest = buffer.subarray(HEADER_BYTES + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#buffered = rest.length;
    }
  }

  /** Bytes of a frame that is not complete yet. */
  get pending(): number {
    return this.#buffered;
  }

  #joined(): Uint8Array {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first) return first;
    const joined = new Uint8Array(this.#buffered);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }

  #parse(bytes: Uint8Array): JsonObject {
    let value: unknown;
    try {
      value = JSON.parse(this.#text.decode(bytes));
    } catch (cause) {
      throw new LocaraError("bad_frame", `not UTF-8 JSON: ${(cause as Error).message}`);
    }
    if (!isObject(value)) throw new LocaraError("bad_frame", "a frame must hold one JSON object");
    return value;
  }
}
