/** The judges are not blind: what is wrong on purpose is found, and its right twin is not. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { blankPage } from "./app.ts";
import { focused, tabStops, violations } from "./judges.ts";

const html = (body: string): string =>
  `<!doctype html><html lang="en"><head><title>A page</title><style>.off:focus { outline: none }</style></head><body><main><h1>A page</h1>${body}</main></body></html>`;

test("axe finds a button without a name and grey on grey, and nothing where both are mended", async () => {
  await using blank = await blankPage();
  await blank.page.setContent(html('<button></button><p style="color: #999; background: #aaa">Words</p>'));
  assert.deepEqual((await violations(blank.page)).map((line) => line.split(" ")[0]).sort(), ["button-name", "color-contrast"]);
  await blank.page.setContent(html('<button>Go</button><p style="color: #000; background: #fff">Words</p>'));
  assert.deepEqual(await violations(blank.page), []);
});

test("a focus that nobody sees is told from one that shows", async () => {
  await using blank = await blankPage();
  await blank.page.setContent(html('<button class="off">Hidden</button><button>Shown</button>'));
  const stops = await tabStops(blank.page);
  assert.deepEqual(stops.map(({ name, isSeen }) => [name, isSeen]), [["button Hidden", false], ["button Shown", true]]);
  assert.equal(await focused(blank.page), undefined);
});

test("a page that holds the keyboard is found", async () => {
  await using blank = await blankPage();
  await blank.page.setContent(html("<button>One</button><button id=two>Two</button>"));
  await blank.page.evaluate(() => {
    document.getElementById("two")?.addEventListener("keydown", (event) => event.preventDefault());
  });
  await assert.rejects(tabStops(blank.page, 8), /does not come round/);
});
