import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { isManifest, schema, validate, type Manifest } from "../src/index.ts";

const HERE = new URL("../../../../fixtures/manifests/", import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, HERE), "utf8"));
const names = (folder: string): string[] => readdirSync(new URL(folder, HERE)).filter((one) => one.endsWith(".json"));
const minimal = read("accepted/minimal.json") as Record<string, unknown>;

for (const name of names("accepted/")) {
  test(`${name} is accepted, as the parser accepts it`, () => assert.deepEqual(validate(read(`accepted/${name}`)), []));
}

// What a schema can see it must see. Codes of the text itself, and rules that span fields, are the parser's alone.
const codes = new Map(
  readFileSync(new URL("refused/codes.toml", HERE), "utf8")
    .split("\n")
    .map((line) => /^"?([\w.-]+?)"?\s*=\s*"(\w+)"/.exec(line))
    .filter((found) => found !== null)
    .map(([, name, code]) => [name as string, code as string]),
);
const PARSER_ONLY = new Set(["unsupported"]);
const TEXT_ALONE = new Set(["port-real.json"]); // 443.0 is 443 to JSON.parse

test("what the schema can refuse is refused", () => {
  let refused = 0;
  for (const name of names("refused/")) {
    const code = codes.get(name) ?? codes.get(name.replace(/\.json$/, ""));
    assert.ok(code, `${name} has no code`);
    let document: unknown;
    try {
      document = read(`refused/${name}`);
    } catch {
      continue; // not JSON
    }
    const problems = validate(document);
    if (["unknown_key", "missing_key", "wrong_type"].includes(code) && !TEXT_ALONE.has(name)) assert.notDeepEqual(problems, [], name);
    if (!PARSER_ONLY.has(code) && problems.length > 0) refused++;
  }
  assert.ok(refused >= 15, `only ${refused} of the refused manifests were refused`);
});

test("a problem has a pointer and a sentence, and its allowed twin has none", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ ...minimal, extra: 1 }, "/extra"],
    [{ ...minimal, capabilities: { net: "yes" } }, "/capabilities/net"],
    [{ ...minimal, capabilities: { net: { allowed_hosts: ["*"] } } }, "/capabilities/net/allowed_hosts/0"],
    [{ ...minimal, capabilities: { net: { allowed_hosts: ["a.example.com"], allowed_ports: [0] } } }, "/capabilities/net/allowed_ports/0"],
    [{ ...minimal, capabilities: { "a/b~c": true } }, "/capabilities/a~1b~0c"],
    [{ ...minimal, tags: ["a", "a"] }, "/tags/1"],
    [{ ...minimal, displayName: "x".repeat(41) }, "/displayName"],
  ];
  for (const [document, pointer] of cases) {
    const problems = validate(document);
    assert.deepEqual(problems.map((one) => one.pointer), [pointer], JSON.stringify(problems));
    assert.match(problems[0]?.message ?? "", /\w+ .+/);
  }
  assert.deepEqual(validate({ ...minimal, capabilities: { net: { allowed_hosts: ["a.example.com"] } }, tags: ["a"] }), []);
  assert.deepEqual(validate({ ...minimal, displayName: "😀".repeat(40) }), [], "characters are counted, not halves");
});

test("types follow the schema", () => {
  const written: Manifest = {
    ...(minimal as unknown as Manifest),
    capabilities: { "fs.user-selected": "read", net: { allowed_hosts: ["a.example.com"] }, "device.camera": true },
  };
  assert.ok(isManifest(written));
  // @ts-expect-error a value that the schema does not list
  const wrong: Manifest = { ...written, capabilities: { "fs.user-selected": "write" } };
  assert.equal(isManifest(wrong), false);
  assert.equal(isManifest(null), false);
  assert.equal(schema.$id, "urn:locara:manifest:v1");
});
