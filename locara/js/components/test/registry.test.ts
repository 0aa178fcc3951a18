import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

interface Item {
  readonly name: string;
  readonly description: string;
  readonly dependencies: readonly string[];
  readonly registryDependencies: readonly string[];
  readonly files: readonly { readonly target: string; readonly content?: string }[];
}
const here = (path: string): URL => new URL(`../${path}`, import.meta.url);
const read = <T>(name: string): T => JSON.parse(readFileSync(here(`dist/${name}.json`), "utf8")) as T;
const { items } = read<{ items: readonly Item[] }>("registry");

test("every source is an item with its text, and there are at least twenty components", () => {
  assert.deepEqual(items.map(({ files }) => files[0]?.target.split("/").at(-1)), readdirSync(here("src")).sort());
  assert.ok(items.filter(({ name }) => name !== "lib" && name !== "theme").length >= 20);
  for (const { name } of items) {
    const [file] = read<Item>(name).files;
    assert.equal(file?.content, readFileSync(here(`src/${file?.target.split("/").at(-1)}`), "utf8"), name);
  }
});

test("what an item builds on is in the registry, and nothing else is needed", () => {
  const names = new Set(items.map(({ name }) => `@locara/${name}`));
  for (const item of items) {
    assert.deepEqual(item.dependencies, [], item.name);
    assert.deepEqual(item.registryDependencies.filter((one) => !names.has(one)), [], item.name);
    assert.match(item.description, /^[A-Z].*[.]/s, item.name);
  }
});

test("colours are those of the theme, and what moves can be still", () => {
  const theme = readFileSync(here("src/theme.css"), "utf8");
  const known = new Set([...theme.matchAll(/--color-([\w-]+):/g)].map(([, name]) => name));
  for (const file of readdirSync(here("src")).filter((one) => one.endsWith(".tsx"))) {
    const text = readFileSync(here(`src/${file}`), "utf8");
    for (const [, name] of text.matchAll(/\b(?:bg|text|border|ring|accent)-((?:background|foreground|card|popover|primary|secondary|muted|accent|destructive|border|input|ring)(?:-foreground)?)\b/g)) {
      assert.ok(known.has(name as string), `${file}: ${name}`);
    }
    for (const [line] of text.matchAll(/.*\b(?:transition|animate)-[a-z[].*/g)) assert.match(line, /motion-reduce:/, `${file}: ${line.trim()}`);
    assert.doesNotMatch(text, /dangerouslySetInnerHTML|innerHTML|eval\(/, file);
  }
});
