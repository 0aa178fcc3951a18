import assert from "node:assert/strict";
import { test } from "node:test";

import { actionsOf, partsOf, summaryOf } from "../src/notes.ts";
import { matchOf, type StoredSegment } from "../src/recordings.ts";
import { isSaid } from "../src/words.ts";

const segments: StoredSegment[] = [
  "Good morning everyone.",
  "Sales went up by thirty percent in April.",
  "Who will prepare the marketing slides?",
  "Laura will prepare the marketing slides by Thursday.",
  "Please send the meeting notes tomorrow.",
].map((text, at) => ({ id: at + 10, recording: 1, start: at, finish: at + 1, speaker: "", heard: text, text }));
const [part] = partsOf(segments, 1000);
assert.ok(part);

test("parts keep segments whole, in order, and below the limit where one segment allows it", () => {
  const parts = partsOf(segments, 90);
  assert.deepEqual(parts.flatMap((one) => one.segments), segments);
  assert.ok(parts.every((one) => one.text.length <= 90));
  assert.deepEqual(partsOf([], 90), []);
  assert.equal(partsOf(segments.slice(0, 1), 3).length, 1);
});

test("a line of the model counts only when each of its words was said as often", () => {
  assert.ok(isSaid("Laura: prepare the marketing slides (Thursday)", part.text));
  assert.ok(!isSaid("Laura will prepare the budget", part.text));
  assert.ok(!isSaid("slides slides slides", part.text));
  assert.ok(!isSaid("", part.text));
});

test("action items: the model's where they were said, and every promise it passed over as it stands", () => {
  const found = actionsOf(part, "Action items:\n- Laura: prepare the marketing slides (Thursday)\n- Robert: buy a boat");
  assert.deepEqual(found.map(({ text, source, segment }) => [text, source, segment]), [
    ["Laura: prepare the marketing slides (Thursday)", "model", 13],
    ["Please send the meeting notes tomorrow.", "quote", 14],
  ]);
});

test("what the model makes up leaves the sentences themselves", () => {
  const [only, ...more] = summaryOf(part, "The concert was noisy.");
  assert.equal(more.length, 0);
  assert.equal(only?.source, "quote");
  assert.ok(segments.some(({ text, id }) => text === only.text && id === only.segment));
  assert.deepEqual(summaryOf(part, "Sales went up by thirty percent in April.").map(({ source }) => source), ["model"]);
});

test("a search has no operators, and its last word may be a beginning", () => {
  assert.equal(matchOf('slides "OR" NEAR(a'), '"slides" """OR""" "NEAR(a"*');
  assert.equal(matchOf("slides "), '"slides"');
  assert.equal(matchOf("  -- "), "");
});
