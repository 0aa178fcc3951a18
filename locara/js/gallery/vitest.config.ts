import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

const installed = (path: string): string => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

// The components' own tests, and those of the reference apps (apps/*/tests/*.test.ts). An app brings no test runner of
// its own: it finds what stands here.
export default defineConfig({
  resolve: { alias: { vitest: installed("vitest/dist/index.js"), "@locara/test": installed("@locara/test/dist/index.js") } },
  test: {
    include: ["test/*.test.ts", "../../../apps/*/tests/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
