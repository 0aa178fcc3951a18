import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const LIMIT = 12_000;

test(`all of the SDK for a window is below ${LIMIT} bytes, minified and compressed`, async (context) => {
  const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const size = gzipSync(outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length;
  context.diagnostic(`${size} bytes`);
  assert.ok(size > 1_000 && size < LIMIT, `${size} bytes`);
  assert.deepEqual(Object.keys(metafile.inputs).filter((path) => path.includes("node_modules")), [], "no dependency");
});
