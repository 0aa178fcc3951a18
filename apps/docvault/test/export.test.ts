import assert from "node:assert/strict";
import { test } from "node:test";

import type { Answer } from "../src/answer.ts";
import { answerFile, vaultFile, type WholeDocument } from "../src/export.ts";
import { fileName } from "../src/save.ts";
import type { StoredDocument, StoredPassage } from "../src/vault.ts";

const ANSWER: Answer = {
  kind: "answer",
  text: "4200 euros.",
  citation: { document: 1, name: "project_notes.md", page: 2, passage: 1_000_000, heading: "Orion", quote: "The budget is 4200 euros.\nIt is *fixed*." },
  score: 0.9,
};
const ASKED = { question: "What is the budget?", answer: ANSWER, asked: "2026-01-02T03:04:05.000Z" };
const DOCUMENT: StoredDocument = {
  id: 1, sha256: "a".repeat(64), name: "a_b.md", source: "papers/a_b.md", kind: "markdown", size: 12, pages: 2, added: "2026-01-02T03:04:05.000Z", passages: 3,
};
const passage = (id: number, page: number, heading: string, kind: StoredPassage["kind"], text: string): StoredPassage => ({
  id, document: 1, name: DOCUMENT.name, page, ordinal: id, heading, kind, text,
});

async function* some<T>(...all: T[]): AsyncGenerator<T> {
  yield* all;
}

async function written(format: "md" | "json", ...documents: WholeDocument[]): Promise<string> {
  let text = "";
  for await (const piece of vaultFile(format, "My *vault*", some(...documents))) text += piece;
  return text;
}

const whole = (): WholeDocument => ({
  document: DOCUMENT,
  problems: [{ code: "blank_page", page: 2, message: "Nothing on it." }],
  passages: some([passage(1, 1, "Top", "prose", "# No heading\n- no list\n1. none"), passage(2, 1, "Top", "code", "a ``` b")], [], [passage(3, 2, "", "prose", "last")]),
});

test("an answer is kept with the sentence it rests on and its page", () => {
  assert.equal(
    answerFile("md", ASKED),
    "# What is the budget?\n\n4200 euros.\n\n> The budget is 4200 euros.  \n> It is \\*fixed\\*.\n\n*project\\_notes.md, page 2, Orion*\n\nAsked 2026-01-02\n",
  );
  assert.deepEqual(JSON.parse(answerFile("json", ASKED)), {
    question: ASKED.question,
    asked: ASKED.asked,
    kind: "answer",
    answer: "4200 euros.",
    citations: [{ document: "project_notes.md", page: 2, heading: "Orion", quote: "The budget is 4200 euros.\nIt is *fixed*." }],
  });
});

test("a refusal is kept as one, without a citation", () => {
  const refused = { ...ASKED, answer: { kind: "refusal", text: "", citation: null, score: 0 } as const };
  assert.deepEqual(JSON.parse(answerFile("json", refused)).citations, []);
  assert.equal(answerFile("md", refused), "# What is the budget?\n\nI could not find that in your documents.\n\nAsked 2026-01-02\n");
});

test("a vault is kept whole, and what stands in a document stays text", async () => {
  const text = await written("md", whole());
  assert.ok(text.startsWith("# My \\*vault\\*\n\n## a\\_b.md\n\n- source: papers/a\\_b.md\n- kind: markdown\n"));
  assert.ok(text.includes("- not read, page 2: Nothing on it.\n"));
  assert.ok(text.includes("\n### Page 1\n\n#### Top\n\n\\# No heading  \n\\- no list  \n1\\. none\n"));
  assert.ok(text.includes("\n````\na ``` b\n````\n"), "code is fenced by more than it holds");
  assert.ok(text.endsWith("\n### Page 2\n\nlast\n"));
});

test("a vault as JSON is one value, also with nothing in it", async () => {
  const { documents, vault } = JSON.parse(await written("json", whole(), { ...whole(), passages: some() }));
  assert.equal(vault, "My *vault*");
  assert.deepEqual(documents[0].passages.map(({ page, kind, text }: StoredPassage) => [page, kind, text]), [
    [1, "prose", "# No heading\n- no list\n1. none"],
    [1, "code", "a ``` b"],
    [2, "prose", "last"],
  ]);
  assert.deepEqual(documents[0].problems, [{ code: "blank_page", page: 2, message: "Nothing on it." }]);
  assert.deepEqual([documents[1].name, documents[1].passages], ["a_b.md", []]);
  assert.deepEqual(JSON.parse(await written("json")), { vault: "My *vault*", documents: [] });
});

const NAMES: [string, string, string][] = [
  ["What is the budget?", "", "What is the budget.md"],
  ["../../etc/passwd", "", "etc passwd.md"],
  ["...", "", "docvault.md"],
  ["CON", " 2", "docvault 2.md"],
  ["東京 — résumé", "", "東京 résumé.md"],
  ["x".repeat(300), "", `${"x".repeat(60)}.md`],
];
for (const [title, suffix, name] of NAMES) {
  test(`${JSON.stringify(title.slice(0, 20))} becomes a name that every system takes`, () => {
    assert.equal(fileName(title, suffix, "md"), name);
  });
}
