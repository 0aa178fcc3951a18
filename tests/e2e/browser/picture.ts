/** Two pictures of one place, compared by their pixels: PNG as a browser writes it, 8 bits a channel, no interlace. */

import { inflateSync } from "node:zlib";

const HEADER = 8;
const CHANNELS: Readonly<Record<number, number>> = { 2: 3, 6: 4 };

interface Pixels {
  readonly width: number;
  readonly channels: number;
  readonly bytes: Uint8Array;
}

/** How many pixels differ between two pictures of the same size. */
export function differing(one: Buffer, other: Buffer): number {
  const [a, b] = [pixelsOf(one), pixelsOf(other)];
  if (a.bytes.length !== b.bytes.length || a.width !== b.width) throw new Error("the pictures are not of one size");
  let count = 0;
  for (let at = 0; at < a.bytes.length; at += a.channels) {
    for (let channel = 0; channel < a.channels; channel++) {
      if (a.bytes[at + channel] !== b.bytes[at + channel]) {
        count++;
        break;
      }
    }
  }
  return count;
}

function pixelsOf(png: Buffer): Pixels {
  const data: Buffer[] = [];
  let [width, channels] = [0, 0];
  for (let at = HEADER; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") {
      width = body.readUInt32BE(0);
      channels = CHANNELS[body[9] ?? 0] ?? 0;
      if (body[8] !== 8 || channels === 0 || body[12] !== 0) throw new Error("not a picture as a browser writes it");
    } else if (kind === "IDAT") data.push(body);
    at += length + 12;
  }
  return { width, channels, bytes: unfiltered(inflateSync(Buffer.concat(data)), width * channels, channels) };
}

/** Undoes the prediction of each row by what lies left of it, above it, or both. */
function unfiltered(rows: Uint8Array, stride: number, channels: number): Uint8Array {
  const height = rows.length / (stride + 1);
  const out = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < channels ? 0 : (out[at - channels] ?? 0);
      const above = y === 0 ? 0 : (out[at - stride] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (out[at - stride - channels] ?? 0);
      const guess = [0, left, above, (left + above) >> 1, nearest(left, above, corner)][filter ?? 0] ?? 0;
      out[at] = (rows[y * (stride + 1) + 1 + x] ?? 0) + guess;
    }
  }
  return out;
}

function nearest(left: number, above: number, corner: number): number {
  const sum = left + above - corner;
  const [a, b, c] = [Math.abs(sum - left), Math.abs(sum - above), Math.abs(sum - corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}
