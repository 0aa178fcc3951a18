import assert from "node:assert/strict";
import { test } from "node:test";

import { Unreadable } from "../src/document.ts";
import { extract, kindOf } from "../src/extract.ts";
import { joinLines } from "../src/layout.ts";
import { markdownBlocks } from "../src/markdown.ts";
import { extractFixture, passagesOf, pdf } from "./support.ts";

const textOf = async (name: string, page = 1): Promise<string> =>
  (await extractFixture(name)).pages
    .filter(({ number }) => number === page)
    .flatMap(({ blocks }) => blocks.map(({ text }) => text))
    .join("\n");

test("columns are read one after the other, and broken words are joined", async () => {
  const text = await textOf("harbour-letter.pdf");
  assert.match(text, /The director of the Meridian hall is Priya\. She led/);
  assert.match(text, /planned the harbour walk that starts/);
  assert.match(text, /The cost of the spring concert is 5400 euros\./);
  assert.ok(text.indexOf("bronze anchor") < text.indexOf("orchestra"), "the left column comes first");
});

test("rows of a table stay rows, whatever order they were drawn in", async () => {
  assert.match(await textOf("invoices/invoice-417.pdf"), /Paper, box \| 12 x 30 \| 360 euros\nToner, black \| 4 x 85 \| 340 euros/);
});

test("ligatures, turned pages, other scripts, letters set apart and slanted lines", async () => {
  assert.match(await textOf("awkward-type.pdf", 1), /The colour of the office floor is green\./);
  assert.match(await textOf("awkward-type.pdf", 2), /The location of the green ladder is Warsaw\./);
  assert.match(await textOf("awkward-type.pdf", 3), /\u6771\u4eac\u652f\u5e97\u306e\u9023\u7d61\u5148/);
  assert.match(await textOf("awkward-type.pdf", 4), /The owner of the red kite is Tara\./);
  assert.match(await textOf("awkward-type.pdf", 4), /The price of the red kite is 35 euros\./);
});

test("a scanned page and a blank page are reported, the pages around them are kept", async () => {
  const { pages, pageCount, problems } = await extractFixture("lease-with-a-scan.pdf");
  assert.deepEqual(pages.map(({ number }) => number), [1, 3]);
  assert.equal(pageCount, 4);
  assert.deepEqual(problems.map(({ code, page }) => [code, page]), [["no_text_layer", 2], ["blank_page", 4]]);
});

test("headings of a PDF go with the text below them; page numbers are not text", async () => {
  const [contacts] = (await passagesOf("team-handbook.pdf")).filter(({ heading }) => heading === "Contacts");
  assert.match(contacts?.text ?? "", /^The manager of the Lisbon office is Clara\.\n/);
  assert.doesNotMatch(contacts?.text ?? "", /Page 1/);
});

const REFUSED: [string, string][] = [
  ["awkward/empty.txt", "empty"],
  ["awkward/blank.md", "empty"],
  ["awkward/cut-off.pdf", "damaged"],
  ["awkward/not-a-pdf.pdf", "damaged"],
  ["awkward/locked.pdf", "locked"],
  ["awkward/picture.txt", "not_text"],
  ["awkward/table.csv", "unsupported"],
];
for (const [name, code] of REFUSED) {
  test(`${name} is refused as ${code}`, async () => {
    await assert.rejects(extractFixture(name), (error) => error instanceof Unreadable && error.problem.code === code);
  });
}

test("text encodings: BOM and CRLF, UTF-16, and a guess that is told", async () => {
  const minutes = await extractFixture("meeting-minutes.txt");
  assert.deepEqual(minutes.problems, []);
  assert.match(await textOf("meeting-minutes.txt"), /^Minutes of the meeting on 3 February/);
  assert.doesNotMatch(await textOf("meeting-minutes.txt"), /\r|\ufeff/);
  assert.equal(await textOf("awkward/wide.txt"), "The team of the wide letter is Lotus.");
  assert.match(await textOf("awkward/old-letter.txt"), /The owner of the bridge caf\u00e9 is Simon\./);
  assert.deepEqual((await extractFixture("awkward/old-letter.txt")).problems.map(({ code }) => code), ["guessed_encoding"]);
});

test("Markdown: headings nest, tables name their cells, code is kept apart, marks go", () => {
  const blocks = markdownBlocks(
    "# A\ntext *one*\nand `two`\n## B\n| x | y |\n|---|:-:|\n| 1 | [z](u) |\n\n```py\n# not a heading\n```\n- [ ] task\n1. step\n# C\n> quoted",
  );
  assert.deepEqual(blocks, [
    { heading: "A", kind: "prose", text: "text one and two" },
    { heading: "A \u203a B", kind: "table", text: "x: 1, y: z" },
    { heading: "A \u203a B", kind: "code", text: "# not a heading" },
    { heading: "A \u203a B", kind: "prose", text: "task" },
    { heading: "A \u203a B", kind: "prose", text: "step" },
    { heading: "C", kind: "prose", text: "quoted" },
  ]);
});

test("an open code fence ends with the file", () => {
  assert.deepEqual(markdownBlocks("```\na\nb"), [{ heading: "", kind: "code", text: "a\nb" }]);
});

test("lines are joined with a blank, broken words without their hyphen", () => {
  assert.equal(joinLines(["the har-", "bour walk", "is twenty-", "One"]), "the harbour walk is twenty- One");
});

test("the end of a name decides what reads the file", () => {
  assert.equal(kindOf("A.PDF"), "pdf");
  assert.equal(kindOf("notes.md"), "markdown");
  for (const name of ["pdf", "a.pdf.exe", ".txt.", "a", ""]) assert.equal(kindOf(name), undefined, name);
});

test("an import can be stopped between pages", async () => {
  const bytes = new Uint8Array(await (await import("node:fs/promises")).readFile(new URL("../../../fixtures/documents/team-handbook.pdf", import.meta.url)));
  const stop = AbortSignal.abort(new Error("stop"));
  await assert.rejects(extract("a.pdf", bytes, pdf, stop), /stop/);
});
