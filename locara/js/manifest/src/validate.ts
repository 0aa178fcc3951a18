/** Validation against the schema: exactly the keywords that the schema uses, and an error for any other. */

import { schema } from "./schema.ts";
import type { Manifest } from "./types.ts";

/** One thing that is wrong: a JSON pointer to it and a sentence. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

interface Node {
  readonly [keyword: string]: unknown;
}
type Rule = (value: unknown, given: unknown, node: Node, at: string, found: Problem[]) => void;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const say = (value: unknown): string => JSON.stringify(value) ?? String(value);
const step = (at: string, key: string | number): string => `${at}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
};

/** Characters as the schema counts them: code points, not halves of them. */
const length = (text: string): number => [...text].length;
const silent: Rule = () => undefined;

const RULES: Readonly<Record<string, Rule>> = {
  $schema: silent,
  $id: silent,
  $comment: silent,
  $defs: silent,
  title: silent,
  description: silent,
  default: silent,
  $ref(value, given, _node, at, found) {
    const name = String(given).replace("#/$defs/", "") as keyof typeof schema.$defs;
    check(value, schema.$defs[name] as Node, at, found);
  },
  oneOf(value, given, _node, at, found) {
    const tries = (given as Node[]).map((node) => {
      const inner: Problem[] = [];
      check(value, node, at, inner);
      return inner;
    });
    if (tries.filter((one) => one.length === 0).length === 1) return;
    // The reading whose outer form fits tells best what is wrong.
    const best = tries.find((one) => !one.some((problem) => problem.pointer === at)) ?? [{ pointer: at, message: `${say(value)} is none of the forms that are allowed here` }];
    found.push(...best);
  },
  type(value, given, _node, at, found) {
    if (!TYPES[given as string]?.(value)) found.push({ pointer: at, message: `this is not ${given === "integer" || given === "array" || given === "object" ? "an" : "a"} ${given}` });
  },
  const(value, given, _node, at, found) {
    if (value !== given) found.push({ pointer: at, message: `this must be ${say(given)}` });
  },
  enum(value, given, _node, at, found) {
    if (!(given as unknown[]).includes(value)) found.push({ pointer: at, message: `${say(value)} is none of ${(given as unknown[]).slice(0, 12).map(say).join(", ")}` });
  },
  pattern(value, given, _node, at, found) {
    if (typeof value === "string" && !new RegExp(given as string, "u").test(value)) found.push({ pointer: at, message: `${say(value)} has not the form that is wanted here` });
  },
  minLength(value, given, _node, at, found) {
    if (typeof value === "string" && length(value) < (given as number)) found.push({ pointer: at, message: `this is shorter than ${given} characters` });
  },
  maxLength(value, given, _node, at, found) {
    if (typeof value === "string" && length(value) > (given as number)) found.push({ pointer: at, message: `this is longer than ${given} characters` });
  },
  minimum(value, given, _node, at, found) {
    if (typeof value === "number" && value < (given as number)) found.push({ pointer: at, message: `this is less than ${given}` });
  },
  maximum(value, given, _node, at, found) {
    if (typeof value === "number" && value > (given as number)) found.push({ pointer: at, message: `this is more than ${given}` });
  },
  minItems(value, given, _node, at, found) {
    if (Array.isArray(value) && value.length < (given as number)) found.push({ pointer: at, message: `this needs at least ${given} entries` });
  },
  maxItems(value, given, _node, at, found) {
    if (Array.isArray(value) && value.length > (given as number)) found.push({ pointer: at, message: `this has more than ${given} entries` });
  },
  uniqueItems(value, given, _node, at, found) {
    if (given !== true || !Array.isArray(value)) return;
    const seen = new Set<string>();
    value.forEach((item, index) => {
      if (seen.has(say(item))) found.push({ pointer: step(at, index), message: `${say(item)} is here twice` });
      seen.add(say(item));
    });
  },
  items(value, given, _node, at, found) {
    if (Array.isArray(value)) value.forEach((item, index) => check(item, given as Node, step(at, index), found));
  },
  required(value, given, _node, at, found) {
    if (!isObject(value)) return;
    for (const key of given as string[]) if (!Object.hasOwn(value, key)) found.push({ pointer: at, message: `the key ${say(key)} is missing` });
  },
  properties(value, given, _node, at, found) {
    if (!isObject(value)) return;
    for (const [key, node] of Object.entries(given as Record<string, Node>)) {
      if (Object.hasOwn(value, key)) check(value[key], node, step(at, key), found);
    }
  },
  additionalProperties(value, given, node, at, found) {
    if (given !== false || !isObject(value)) return;
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn((node["properties"] ?? {}) as object, key)) found.push({ pointer: step(at, key), message: `the key ${say(key)} is not known` });
    }
  },
};

function check(value: unknown, node: Node, at: string, found: Problem[]): void {
  for (const [keyword, given] of Object.entries(node)) {
    const rule = RULES[keyword];
    if (!rule) throw new Error(`the schema uses ${keyword}, which this version does not know`);
    rule(value, given, node, at, found);
  }
}

/** Everything that the schema finds wrong with a parsed locara.json; empty when nothing is. */
export function validate(document: unknown): Problem[] {
  const found: Problem[] = [];
  check(document, schema, "", found);
  return found;
}

/** Whether the schema finds nothing wrong. */
export function isManifest(document: unknown): document is Manifest {
  return validate(document).length === 0;
}
