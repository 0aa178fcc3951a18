// Writes the registry into dist/: registry.json, and for each source one item as shadcn's tools read it.
//
//   node build.mjs            write
//   node build.mjs --check    exit 1 when a source does not fit the registry's rules
//
// What an item needs is read out of its source: title and description from its first comment, what it builds on from
// its imports. The same sources give the same bytes.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const FOLDER = "components/locara";
const TYPES = { lib: "registry:lib", theme: "registry:file" };

function item(file) {
  const name = file.replace(/\.\w+$/, "");
  const content = readFileSync(here(`src/${file}`), "utf8");
  const description = /^\/\*\*? ([^]*?) \*\//.exec(content)?.[1];
  if (!description) throw new Error(`${file} does not begin with a comment that says what it is`);
  const imported = [...content.matchAll(/from "([^"]+)"/g)].map(([, from]) => from);
  const foreign = imported.filter((from) => !from.startsWith("./") && from !== "react");
  if (foreign.length > 0) throw new Error(`${file} needs ${foreign.join(", ")}: components build on React alone`);
  const own = [...new Set(imported.filter((from) => from.startsWith("./")).map((from) => `@locara/${from.slice(2)}`))];
  const type = TYPES[name] ?? "registry:component";
  return {
    $schema: "https://ui.shadcn.com/schema/registry-item.json",
    name,
    type,
    title: name.replace(/(^|-)(\w)/g, (_, dash, letter) => `${dash && " "}${letter.toUpperCase()}`),
    description,
    author: "Locara (Apache-2.0)",
    dependencies: [],
    registryDependencies: own.sort(),
    files: [{ path: `${FOLDER}/${file}`, type, target: `${FOLDER}/${file}`, content }],
    meta: { version },
  };
}

const items = readdirSync(here("src")).sort().map(item);
if (process.argv[2] !== "--check") {
  rmSync(here("dist"), { recursive: true, force: true });
  mkdirSync(here("dist"));
  const write = (name, value) => writeFileSync(here(`dist/${name}.json`), `${JSON.stringify(value, null, 2)}\n`);
  for (const one of items) write(one.name, one);
  const listed = items.map(({ $schema: _, files, ...rest }) => ({ ...rest, files: files.map(({ content: __, ...file }) => file) }));
  write("registry", { $schema: "https://ui.shadcn.com/schema/registry.json", name: "locara", homepage: "https://locara.app", items: listed });
}
