import assert from "node:assert/strict";
import { test } from "node:test";

import { noteOf } from "../src/notes.ts";

test("a note has no spaces around it", () => {
  assert.equal(noteOf("  milk "), "milk");
});

test("an empty note is refused", () => {
  assert.throws(() => noteOf("  "), /needs some text/);
});
