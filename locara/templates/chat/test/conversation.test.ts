import assert from "node:assert/strict";
import { test } from "node:test";

import { promptOf } from "../src/conversation.ts";

const turn = (content: string) => ({ role: "user" as const, content });

test("the newest turns are kept whole, after the system message", () => {
  const prompt = promptOf([turn("a".repeat(50)), turn("b".repeat(50)), turn("c".repeat(50))], 100);
  assert.deepEqual(prompt.slice(1).map((one) => one.content[0]), ["b", "c"]);
  assert.equal(prompt[0]?.role, "system");
});

test("the last turn is kept even when it is long", () => {
  assert.equal(promptOf([turn("a".repeat(500))], 100).length, 2);
});
