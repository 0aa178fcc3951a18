/** One file out of a ZIP archive, by its name. */

import { Unreadable } from "./document.ts";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENCRYPTED = 1;

/** The bytes of `name`, at most `limit`; undefined when the archive has no such file. Throws Unreadable when it is damaged. */
export async function fileOf(archive: Uint8Array<ArrayBuffer>, name: string, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await find(archive, name, limit);
  } catch (error) {
    // Offsets that lead out of the file, and streams that do not unpack.
    if (error instanceof RangeError || error instanceof TypeError) throw damaged();
    throw error;
  }
}

async function find(archive: Uint8Array<ArrayBuffer>, name: string, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = endOf(view);
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) throw damaged();
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [number, number, number];
    const own = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength));
    if (own === name) {
      if (view.getUint16(at + 8, true) & ENCRYPTED) throw new Unreadable("locked", "This file is protected by a password.");
      const method = view.getUint16(at + 10, true);
      return unpacked(archive, view, { method, size: view.getUint32(at + 20, true), local: view.getUint32(at + 42, true) }, limit);
    }
    at += 46 + nameLength + extra + comment;
  }
  return undefined;
}

/** The last record of the archive, behind which only a comment may stand. */
function endOf(view: DataView): number {
  for (let at = view.byteLength - END_BYTES; at >= Math.max(0, view.byteLength - END_BYTES - 0xffff); at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw damaged();
}

interface Entry {
  readonly method: number;
  readonly size: number;
  readonly local: number;
}

async function unpacked(archive: Uint8Array<ArrayBuffer>, view: DataView, { method, size, local }: Entry, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (view.getUint32(local, true) !== LOCAL) throw damaged();
  const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (from + size > archive.length) throw damaged();
  const packed = archive.slice(from, from + size);
  if (method === 0 && size <= limit) return packed;
  if (method !== 8) throw damaged();
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts: BlobPart[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > limit) {
      await reader.cancel();
      throw new Unreadable("too_large", "The file unpacks to more than can be read.");
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function damaged(): Unreadable {
  return new Unreadable("damaged", "This file is not a complete document, so nothing could be read from it.");
}
