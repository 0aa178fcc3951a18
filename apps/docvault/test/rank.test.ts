import assert from "node:assert/strict";
import { test } from "node:test";

import { isGrounded, withoutMarks } from "../src/answer.ts";
import { cosine, coverageOf, quoted, rarity } from "../src/search.ts";

test("a word becomes a full-text query without operators", () => {
  assert.equal(quoted("budget"), '"budget"');
  assert.equal(quoted('a" OR b*'), '"a"" OR b*"');
});

test("rare terms weigh more, and every weight is above zero", () => {
  assert.ok(rarity(0, 100) > rarity(1, 100));
  assert.ok(rarity(1, 100) > rarity(99, 100));
  assert.ok(rarity(100, 100) > 0);
  assert.ok(rarity(0, 0) > 0);
});

test("coverage counts the heading in part and is 1 only when all is named", () => {
  const weights = new Map([["budget", 1], ["orion", 3]]);
  assert.equal(coverageOf(weights, "The budget of Orion", ""), 1);
  assert.equal(coverageOf(weights, "The budget of Juniper", ""), 0.25);
  assert.equal(coverageOf(weights, "The budget is fixed", "Orion"), (1 + 0.6 * 3) / 4);
  assert.equal(coverageOf(new Map(), "anything", ""), 0);
});

test("cosine of equal, crossed, opposed and empty vectors", () => {
  const vector = (...values: number[]): Float32Array => Float32Array.from(values);
  assert.equal(cosine(vector(3, 4), vector(3, 4)), 1);
  assert.equal(cosine(vector(1, 0), vector(0, 1)), 0);
  assert.equal(cosine(vector(1, 0), vector(-1, 0)), 0);
  assert.equal(cosine(vector(0, 0), vector(1, 0)), 0);
});

const SOURCE = "The budget of project Orion is 4200 euros.";
const ASKED = "What is the budget of project Orion?";
const GROUNDED: [string, boolean][] = [
  ["The budget of project Orion is 4200 euros.", true],
  ["4200 euros.", true],
  ["4200 dollars.", false],
  ["The budget of project Orion is 420 euros.", false],
  ["I could not find that in your documents.", false],
  ["The budget of project Orion is", false],
  ["The Felix budget of project Orion is 4200 4200 euros.", false],
  ["The 4200 euros is the budget of project Orion is 4200 euros.", false],
  ["", false],
];
for (const [said, expected] of GROUNDED) {
  test(`${JSON.stringify(said)} is ${expected ? "" : "not "}held to its passage`, () => {
    assert.equal(isGrounded(said, SOURCE, ASKED), expected);
  });
}

test("the model's own marks are dropped", () => {
  assert.equal(withoutMarks("The limit is 120 euros. [1]"), "The limit is 120 euros.");
  assert.equal(withoutMarks("[2]"), "");
});
