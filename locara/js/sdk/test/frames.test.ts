import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from "../src/frames.ts";

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

test("a frame is a big-endian length and UTF-8 JSON", () => {
  const bytes = encodeFrame({ id: 1, cmd: "naïve" });
  const body = '{"id":1,"cmd":"naïve"}';
  assert.equal(new DataView(bytes.buffer).getUint32(0), Buffer.byteLength(body));
  assert.equal(Buffer.from(bytes.subarray(4)).toString("utf8"), body);
});

test("frames survive every way of cutting the stream", () => {
  const frames = [{ id: 1, ok: true, result: "€" }, { id: 2, event: { type: "delta", text: "名前" } }, {}];
  const stream = join(...frames.map(encodeFrame));
  for (let size = 1; size <= stream.length; size++) {
    const decoder = new FrameDecoder();
    const seen: unknown[] = [];
    for (let at = 0; at < stream.length; at += size) seen.push(...decoder.push(stream.subarray(at, at + size)));
    assert.deepEqual(seen, frames);
    assert.equal(decoder.pending, 0);
  }
});

const raw = (body: Uint8Array, length = body.length): Uint8Array => {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, length);
  return join(head, body);
};
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

for (const [name, bytes] of [
  ["length zero", raw(text(""))],
  ["length above the cap", raw(text("{}"), MAX_FRAME_BYTES + 1)],
  ["an array", raw(text("[1]"))],
  ["not JSON", raw(text("{nope}"))],
  ["a BOM", raw(text("\ufeff{}"))],
  ["broken UTF-8", raw(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => new FrameDecoder().push(bytes), { code: "bad_frame" });
  });
}

test("a frame above the cap is not sent", () => {
  assert.throws(() => encodeFrame({ data: "x".repeat(MAX_FRAME_BYTES) }), { code: "too_large" });
});
