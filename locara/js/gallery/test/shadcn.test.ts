/** The real command line of shadcn installs from the built registry, and reads it as its own schema wants it. */

import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { registryItemSchema, registrySchema } from "shadcn/schema";
import { afterAll, beforeAll, expect, test } from "vitest";

import { here, serve } from "./browser.ts";

const REGISTRY = here("../components/dist");
const NAMES = readdirSync(REGISTRY).map((file) => file.replace(/\.json$/, "")).filter((name) => name !== "registry");
const read = (name: string): unknown => JSON.parse(readFileSync(join(REGISTRY, `${name}.json`), "utf8"));

let server: Server;
let url: string;
let app: string;
let served: string;

beforeAll(async () => {
  // shadcn asks its own site for the palette that components.json names; here an empty one stands beside the registry.
  served = mkdtempSync(join(tmpdir(), "locara-registry-"));
  cpSync(REGISTRY, served, { recursive: true });
  mkdirSync(join(served, "colors"));
  writeFileSync(join(served, "colors/neutral.json"), JSON.stringify({ inlineColors: { light: {}, dark: {} }, cssVars: { light: {}, dark: {} }, inlineColorsTemplate: "", cssVarsTemplate: "" }));
  ({ server, url } = await serve(served));
});
afterAll(() => {
  server?.close();
  for (const folder of [app, served]) rmSync(folder, { recursive: true, force: true });
});

test("every item and the list are what shadcn's own schema describes", () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(23);
  for (const name of NAMES) expect(registryItemSchema.safeParse(read(name)).error, name).toBeUndefined();
  expect(registrySchema.safeParse(read("registry")).error).toBeUndefined();
  expect(registryItemSchema.safeParse({ ...(read("chat") as object), type: "registry:nothing" }).error, "the schema is not blind").toBeDefined();
});

test("shadcn add writes each component with what it builds on, and what it wrote is compiled", { timeout: 240_000 }, async () => {
  app = mkdtempSync(join(tmpdir(), "locara-shadcn-"));
  mkdirSync(join(app, "src/lib"), { recursive: true });
  symlinkSync(here("node_modules"), join(app, "node_modules"));
  const put = (path: string, value: unknown): void => writeFileSync(join(app, path), typeof value === "string" ? value : JSON.stringify(value, null, 2));
  put("package.json", { name: "shown", private: true, type: "module", dependencies: { react: "19.3.1", "react-dom": "19.3.1" }, devDependencies: { tailwindcss: "4.3.5", typescript: "7.0.2" } });
  put("vite.config.ts", "export default {};\n");
  put("tsconfig.json", { compilerOptions: { paths: { "@/*": ["./src/*"] }, jsx: "react-jsx", module: "esnext", moduleResolution: "bundler", strict: true, noEmit: true, skipLibCheck: true, lib: ["es2023", "dom"], target: "es2023" }, include: ["src"] });
  put("src/index.css", '@import "tailwindcss";\n');
  put("src/lib/utils.ts", "export const cn = (...names: string[]): string => names.join(' ');\n");
  put("components.json", {
    $schema: "https://ui.shadcn.com/schema.json",
    style: "new-york",
    rsc: false,
    tsx: true,
    tailwind: { config: "", css: "src/index.css", baseColor: "neutral", cssVariables: true, prefix: "" },
    aliases: { components: "@/components", utils: "@/lib/utils", ui: "@/components/ui", lib: "@/lib", hooks: "@/hooks" },
    registries: { "@locara": `${url}/{name}.json` },
  });
  // The registry answers from this process, so the command must run beside it.
  const shadcn = async (...words: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [here("node_modules/shadcn/dist/index.js"), ...words, "--cwd", app], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, REGISTRY_URL: url } });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve(said) : reject(new Error(`shadcn ended with ${code}: ${said}`))));
    });

  await shadcn("add", "@locara/chat", "--yes");
  const folder = join(app, "src/components/locara");
  expect(readdirSync(folder).sort()).toEqual(["chat.tsx", "lib.tsx", "message.tsx", "prompt-input.tsx", "streaming-text.tsx"]);

  await shadcn("add", ...NAMES.map((name) => `@locara/${name}`), "--yes", "--overwrite");
  expect(readdirSync(folder).map((file) => file.replace(/\.\w+$/, "")).sort()).toEqual([...NAMES].sort());
  for (const file of readdirSync(folder)) {
    // shadcn drops a comment that a file begins with; all else arrives as it is.
    const [got, sent] = [join(folder, file), here(`../components/src/${file}`)].map((path) => readFileSync(path, "utf8").replace(/^\/\*[^]*?\*\/\s*/, "").trim());
    expect(got, file).toBe(sent);
  }
  // From an address, as a person would type it.
  rmSync(join(folder, "empty-state.tsx"));
  await shadcn("add", `${url}/empty-state.json`, "--yes");
  expect(readdirSync(folder)).toContain("empty-state.tsx");

  put("src/main.tsx", 'import { Chat } from "@/components/locara/chat";\nexport const page = <Chat turns={[]} onSend={() => undefined} />;\n');
  const compiled = spawnSync(process.execPath, [here("node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"], { cwd: app, encoding: "utf8" });
  expect(compiled.stdout + compiled.stderr).toBe("");
});
