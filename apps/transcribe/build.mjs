// Builds the page into dist/. Nothing is fetched; the same sources give the same bytes.
import { cp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await rm(here("dist"), { recursive: true, force: true });
await cp(here("static"), here("dist"), { recursive: true });
await cp(here("public/icon.png"), here("dist/icon.png"));
await build({
  absWorkingDir: here("."),
  entryPoints: { main: "src/ui/main.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: ["es2023"],
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
});
