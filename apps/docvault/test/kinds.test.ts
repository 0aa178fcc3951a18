import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { test } from "node:test";

import { Unreadable, type Extraction } from "../src/document.ts";
import { docxBlocks } from "../src/docx.ts";
import { extract, kindOf } from "../src/extract.ts";
import { htmlBlocks } from "../src/html.ts";
import { createScanReader } from "../src/scan.ts";
import { fileOf } from "../src/zip.ts";
import { pdf } from "./support.ts";

/** An archive as other programs write it: local headers, a directory, its end. */
function zip(files: Readonly<Record<string, string>>, { method = 8, comment = "" } = {}): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = method === 8 ? deflateRawSync(text) : Buffer.from(text);
    const [local, entry] = [Buffer.alloc(30), Buffer.alloc(46)];
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    parts.push(local, Buffer.from(name), data);
    entries.push(entry, Buffer.from(name));
    at += 30 + name.length + data.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return new Uint8Array(Buffer.concat([...parts, directory, end, Buffer.from(comment)]));
}

const WORD = `<?xml version="1.0"?><w:document><w:body>
  <w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Budget</w:t></w:r></w:p>
  <w:p><w:r><w:t xml:space="preserve">The budget of </w:t></w:r><w:r><w:t>project Orion &amp; co is 4200 &#8364;.</w:t></w:r><w:del><w:r><w:delText>9999</w:delText></w:r></w:del></w:p>
  <w:p><w:pPr><w:pStyle w:val="berschrift2"/></w:pPr><w:r><w:t>Rooms</w:t></w:r></w:p>
  <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Red</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>12 seats</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
  <w:p><w:r><w:t>One</w:t><w:br/><w:t>two</w:t></w:r></w:p></w:body></w:document>`;

test("Word: headings by style, rows of tables, lines; what was deleted is gone", async () => {
  assert.deepEqual(await docxBlocks(zip({ "[Content_Types].xml": "<x/>", "word/document.xml": WORD })), [
    { heading: "Budget", kind: "prose", text: "The budget of project Orion & co is 4200 \u20ac." },
    { heading: "Budget \u203a Rooms", kind: "table", text: "Red | 12 seats" },
    { heading: "Budget \u203a Rooms", kind: "prose", text: "One\ntwo" },
  ]);
});

test("an archive is read packed or not, with a comment behind it, and only the file that was asked for", async () => {
  for (const options of [{}, { method: 0 }, { comment: "PK\u0005\u0006 not the end" }]) {
    const archive = zip({ "a.txt": "other", "word/document.xml": "<w:t>here</w:t>" }, options);
    assert.equal(new TextDecoder().decode(await fileOf(archive, "word/document.xml", 1000)), "<w:t>here</w:t>");
    assert.equal(await fileOf(archive, "nothing", 1000), undefined);
  }
});

test("archives that lie are refused, whatever byte is wrong", async () => {
  const whole = zip({ "word/document.xml": WORD });
  const refused = (error: unknown): boolean => error instanceof Unreadable;
  await assert.rejects(fileOf(zip({ "word/document.xml": "x".repeat(2_000_000) }), "word/document.xml", 1_000_000), (error) => error instanceof Unreadable && error.problem.code === "too_large");
  for (let at = 0; at < whole.length; at += 3) {
    await fileOf(whole.slice(0, at), "word/document.xml", 1e6).catch((error) => assert.ok(refused(error), String(error)));
    const bent = whole.slice();
    bent[at] = (bent[at] ?? 0) ^ 0xff;
    await fileOf(bent, "word/document.xml", 1e6).catch((error) => assert.ok(refused(error), String(error)));
  }
  await assert.rejects(docxBlocks(new TextEncoder().encode("plain text")), refused);
});

test("HTML: headings nest, scripts and comments are no text, cells and lists are told apart, code keeps its lines", () => {
  const source = `<!doctype html><html><head><title>No</title><style>p{}</style><script>if (a < b) alert("</p>")</script></head><body>
    <h1>Notes &amp; more</h1><p>The caf&eacute; is <b>open</b><br>on Monday.</p><!-- <p>hidden</p> -->
    <ul><li>first<li>second</ul><h2>Rooms</h2><table><tr><th>Room<th>Seats</tr><tr><td>Red</td><td>12</td></tr></table>
    <pre>a  b\n  c</pre><p>1 < 2 &#x20AC; &nosuch; <a href="x>y">link</a></p></body></html>`;
  assert.deepEqual(htmlBlocks(source), [
    { heading: "Notes & more", kind: "prose", text: "The caf\u00e9 is open\non Monday." },
    { heading: "Notes & more", kind: "prose", text: "first" },
    { heading: "Notes & more", kind: "prose", text: "second" },
    { heading: "Notes & more \u203a Rooms", kind: "table", text: "Room | Seats" },
    { heading: "Notes & more \u203a Rooms", kind: "table", text: "Red | 12" },
    { heading: "Notes & more \u203a Rooms", kind: "code", text: "a  b\n  c" },
    { heading: "Notes & more \u203a Rooms", kind: "prose", text: "1 < 2 \u20ac &nosuch; link" },
  ]);
});

test("HTML that never ends is read in time that grows with its length", () => {
  for (const piece of ['<a "', "<a x='", "<!--", "<script>", "<", "&#", "<![CDATA["]) {
    const start = performance.now();
    htmlBlocks(piece.repeat(200_000));
    assert.ok(performance.now() - start < 5000, piece);
  }
});

test("the kinds go through the one door, with what they are called", async () => {
  assert.deepEqual(["a.HTML", "b.htm", "c.docx", "d.doc"].map(kindOf), ["html", "html", "docx", undefined]);
  const page = await extract("a.html", new TextEncoder().encode("<p>The owner is Felix.</p>"), pdf);
  assert.deepEqual(page.pages, [{ number: 1, blocks: [{ heading: "", kind: "prose", text: "The owner is Felix." }] }]);
  await assert.rejects(extract("a.html", new TextEncoder().encode("<p> </p>"), pdf), Unreadable);
});

test("a scanned page is read from its picture when enough is sure, and says so", async () => {
  const scan = { code: "no_text_layer", page: 2, message: "a scan" } as const;
  const before: Extraction = { kind: "pdf", pageCount: 3, pages: [{ number: 1, blocks: [] }, { number: 3, blocks: [] }], problems: [scan] };
  const reading = (confidence: number): ReturnType<typeof createScanReader> => {
    const words = ["The", "deposit", "is", "500"].map((text) => ({ text, confidence }));
    const page = { text: "The deposit\nis 500 euros.\n\nSigned here.", words };
    const locara = { pdf: { render: async (asked: object) => (assert.deepEqual(asked, { root: "h", path: "p", page: 2, dpi: 200 }), { png: new Uint8Array(1) }) }, ocr: { fromBytes: async () => ({ pages: [page] }) } };
    return createScanReader(locara as unknown as Parameters<typeof createScanReader>[0]);
  };
  const file = { root: "h", path: "p", name: "a file has more than this" };
  const sure = await reading(0.9).read(file, before);
  assert.deepEqual(sure.pages.map(({ number }) => number), [1, 2, 3]);
  assert.deepEqual(sure.pages[1]?.blocks.map(({ text }) => text), ["The deposit is 500 euros.", "Signed here."]);
  assert.deepEqual(sure.problems.map(({ code, page }) => [code, page]), [["read_from_picture", 2]]);
  assert.deepEqual(await reading(0.2).read(file, before), before);
});
