import assert from "node:assert/strict";
import { test } from "node:test";

import { chunk, PASSAGE_CHARACTERS } from "../src/chunk.ts";
import type { Block, Page } from "../src/document.ts";
import { passagesOf } from "./support.ts";

const block = (text: string, heading = "", kind: Block["kind"] = "prose"): Block => ({ heading, kind, text });
const page = (number: number, ...blocks: Block[]): Page => ({ number, blocks });

test("passages stay inside a page, a heading and a kind", () => {
  const passages = chunk([
    page(1, block("One."), block("Two.", "H"), block("x: 1", "H", "table")),
    page(2, block("Three.", "H")),
  ]);
  assert.deepEqual(
    passages.map(({ page: number, heading, kind, text }) => [number, heading, kind, text]),
    [[1, "", "prose", "One."], [1, "H", "prose", "Two."], [1, "H", "table", "x: 1"], [2, "H", "prose", "Three."]],
  );
  assert.deepEqual(passages.map(({ ordinal }) => ordinal), [0, 1, 2, 3]);
});

test("no passage is longer than the limit, none is empty, and no letter is lost", () => {
  const long = Array.from({ length: 60 }, (_, n) => `Sentence number ${n} says a little more than nothing.`).join(" ");
  const endless = "\u{1f6a2}".repeat(900);
  const passages = chunk([page(1, block(long), block("word ".repeat(300)), block(endless))]);
  for (const { text } of passages) {
    assert.ok(text.length <= PASSAGE_CHARACTERS && text.length > 0);
    assert.ok(text.isWellFormed(), "no character is cut in half");
  }
  const letters = (value: string): string => value.replace(/\s/g, "");
  assert.equal(letters(passages.map(({ text }) => text).join("")), letters(long + "word ".repeat(300) + endless));
});

test("facts of real documents stand whole in one passage, on their page", async () => {
  const holds = async (name: string, number: number, fact: string): Promise<void> => {
    const found = (await passagesOf(name)).filter((passage) => passage.text.includes(fact));
    assert.deepEqual(found.map((passage) => passage.page), [number], fact);
  };
  await holds("team-handbook.pdf", 2, "The limit of travel expenses is 120 euros.");
  await holds("team-handbook.pdf", 3, "The password of the blue printer is KX-4471.");
  await holds("lease-with-a-scan.pdf", 3, "The code of the boat house is TR-2085.");
  await holds("project-notes.md", 1, "The budget of project Orion is 4200 euros.");
});
