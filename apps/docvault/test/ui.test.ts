import assert from "node:assert/strict";
import { test } from "node:test";

import { CapabilityDenied, LocaraError } from "@locara/sdk";

import { shownName } from "../src/ui/dom.ts";
import { explain } from "../src/ui/notice.ts";

test("a name shows what would hide or turn its letters", () => {
  assert.equal(shownName("report\u202efdp.txt"), "report[U+202E]fdp.txt");
  assert.equal(shownName("a\u200bb\nc\u{e0041}"), "a[U+200B]b[U+000A]c[U+E0041]");
  assert.equal(shownName("\u6771\u4eac \u2014 r\u00e9sum\u00e9 <b>.txt"), "\u6771\u4eac \u2014 r\u00e9sum\u00e9 <b>.txt");
});

test("a denial is explained with the line that is missing", () => {
  const denied = new CapabilityDenied("unknown_command", "fs.pick is not open", "fs.user-selected", "", '"fs.user-selected": "read"');
  assert.equal(explain(denied), 'fs.pick is not open\nMissing in locara.json: "fs.user-selected": "read"');
  assert.equal(explain(new LocaraError("busy", "too many calls")), "too many calls");
  assert.equal(explain("odd"), "odd");
});
