// Builds the gallery into dist/: one page, one script, one sheet. Open dist/index.html, or let the tests.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
rmSync(here("dist"), { recursive: true, force: true });
mkdirSync(here("dist"), { recursive: true });
await build({
  entryPoints: [here("src/main.tsx")],
  outfile: here("dist/main.js"),
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2023",
  jsx: "automatic",
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
  nodePaths: [here("node_modules")],
  logLevel: "warning",
});
const cli = here("node_modules/@tailwindcss/cli/dist/index.mjs");
const { status } = spawnSync(process.execPath, [cli, "-i", here("src/gallery.css"), "-o", here("dist/gallery.css"), "--minify"], {
  cwd: here("."),
  stdio: ["ignore", "ignore", "inherit"],
});
if (status !== 0) throw new Error("the sheet was not built");
copyFileSync(here("src/index.html"), here("dist/index.html"));
