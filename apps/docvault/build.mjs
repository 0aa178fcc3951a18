// Builds the page into dist/. Nothing is fetched; the same sources give the same bytes.
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const pdfjs = (path) => fileURLToPath(new URL(path, import.meta.resolve("pdfjs-dist/package.json")));

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"), { recursive: true });
await build({
  entryPoints: { main: here("src/ui/main.ts") },
  outdir: here("dist"),
  bundle: true,
  format: "esm",
  platform: "browser",
  target: ["es2023"],
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
});
await Promise.all([
  cp(here("static"), here("dist"), { recursive: true }),
  cp(here("public/icon.png"), here("dist/icon.png")),
  cp(pdfjs("legacy/build/pdf.worker.min.mjs"), here("dist/pdf.worker.min.mjs")),
  cp(pdfjs("cmaps"), here("dist/cmaps"), { recursive: true }),
]);
