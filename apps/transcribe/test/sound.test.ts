import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesOf, integersOf, loudness, wavOf } from "../src/sound.ts";

test("a WAV file says what its samples are, byte for byte", () => {
  const header = "52494646" + "28000000" + "57415645" + "666d7420" + "10000000" + "0100" + "0100" + "803e0000" + "007d0000" + "0200" + "1000" + "64617461" + "04000000";
  assert.equal(Buffer.from(wavOf(Uint8Array.of(1, 2, 3, 4))).toString("hex"), `${header}01020304`);
});

test("samples go in and out without a change, and too loud is as loud as can be", () => {
  assert.deepEqual(integersOf(Float32Array.of(0, 1, -1, 2, -2)), Int16Array.of(0, 32767, -32767, 32767, -32767));
  assert.deepEqual(bytesOf(Int16Array.of(1, -2)), Uint8Array.of(1, 0, 254, 255));
});

test("loudness is 0 in silence, 1 at full scale, and rises between", () => {
  const at = (value: number): number => loudness(Int16Array.from({ length: 100 }, (_, n) => (n % 2 ? value : -value)));
  assert.equal(loudness(new Int16Array()), 0);
  assert.equal(at(0), 0);
  assert.ok(at(32767) > 0.99);
  assert.ok(at(300) < at(3000));
});
