import assert from "node:assert/strict";
import { test } from "node:test";

import { cleanText, foldTerm, sentences, terms } from "../src/text.ts";

test("cleanText composes, spells ligatures out and drops what cannot be seen", () => {
  assert.equal(cleanText("o\ufb03ce \ufb02oor"), "office floor");
  assert.equal(cleanText("e\u0301te\u0301"), "\u00e9t\u00e9");
  assert.equal(cleanText("har\u00adbour\u200b \u202etxt\u202c\ufeff"), "harbour txt");
  assert.equal(cleanText("a\u00a0\t b  \r\n  c\u0000\u2028d"), "a b\nc\nd");
  assert.equal(cleanText("m\u00b2 \u2116 \u01c6"), "m\u00b2 \u2116 \u01c6", "letters that mean something of their own stay");
});

const SENTENCES: [string, string[]][] = [
  ["One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]],
  ["Dr. Vera paid 3.50 euros. No. 4 is next.", ["Dr. Vera paid 3.50 euros.", "No. 4 is next."]],
  ["He said \u201cGo.\u201d Then he left.", ["He said \u201cGo.\u201d", "Then he left."]],
  ["version 2.0.1 is out. it works.", ["version 2.0.1 is out. it works."]],
  ["1. Last minutes\n2. Summer party", ["1. Last minutes", "2. Summer party"]],
  ["\u6771\u4eac\u3067\u3059\u3002\u5927\u962a\u3067\u3059\u3002", ["\u6771\u4eac\u3067\u3059\u3002", "\u5927\u962a\u3067\u3059\u3002"]],
  ["  \n\n ", []],
];
for (const [text, expected] of SENTENCES) {
  test(`sentences of ${JSON.stringify(text)}`, () => assert.deepEqual(sentences(text), expected));
}

test("no letter is lost or made up by cutting into sentences", () => {
  const text = "A. B. C? \u201cD.\u201d e.g. this! 5. Six\nSeven. Eight\u2026 Nine";
  const letters = (value: string): string => value.replace(/\s/g, "");
  assert.equal(letters(sentences(text).join("")), letters(text));
});

test("terms are folded, distinct and carry meaning", () => {
  assert.deepEqual(terms("What is the budget of the budgets of Caf\u00e9 Orion?"), ["budget", "cafe", "orion"]);
  assert.deepEqual(terms("KX-4471 and invoice 417"), ["kx", "4471", "invoice", "417"]);
  assert.deepEqual(terms("who is it?"), []);
});

test("endings are folded, short and foreign words are left alone", () => {
  for (const group of [["own", "owns", "owner", "Owned", "owning"], ["price", "prices", "priced"], ["Colours", "colour"], ["day", "days"]]) {
    assert.equal(new Set(group.map(foldTerm)).size, 1, group.join(" "));
  }
  for (const word of ["class", "status", "bus", "kx", "4471", "\u6771\u4eac"]) assert.equal(foldTerm(word), word);
});
