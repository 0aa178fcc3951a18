// Builds the page into dist/: takes the types out of src/*.ts and copies static/ and the SDK beside it.
// Needs Node 22.18 or newer and nothing else: no install, no network.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(here("dist"), { recursive: true, force: true });
mkdirSync(here("dist/locara-sdk"), { recursive: true });
cpSync(here("static"), here("dist"), { recursive: true });
for (const name of readdirSync(here("vendor/locara-sdk/dist")).filter((one) => one.endsWith(".js"))) {
  cpSync(here(`vendor/locara-sdk/dist/${name}`), here(`dist/locara-sdk/${name}`));
}
for (const name of readdirSync(here("src")).filter((one) => one.endsWith(".ts"))) {
  const code = stripTypeScriptTypes(readFileSync(here(`src/${name}`), "utf8"))
    .replaceAll('from "#locara-sdk"', 'from "./locara-sdk/index.js"')
    .replaceAll(/from "(\.\/[\w-]+)\.ts"/g, 'from "$1.js"')
    .replaceAll(/[ \t]+$/gm, "");
  writeFileSync(here(`dist/${name.replace(/\.ts$/, ".js")}`), code);
}
