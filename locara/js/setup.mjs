// Installs and builds the TypeScript packages and the reference apps of this repository.
//
//   node locara/js/setup.mjs            what is not up to date
//   node locara/js/setup.mjs --check    only say whether something is not (exit 1)
//   node locara/js/setup.mjs --gallery  also the gallery of components and the tools of its tests
//   node locara/js/setup.mjs --browser  also what looks at the pages of the apps in a browser
//
// Packages come by their lock files (`npm ci`). A folder is left alone when nothing it depends on has changed, so a
// second run takes a moment. Stamps lie beside what they stand for: node_modules/ and the build's output.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SDK = "locara/js/sdk";
const PACKAGES = ["sdk", "manifest", "test"];
const COMPONENTS = ["components/src/**", "components/*.json", "components/build.mjs"];

/** Folders in order: later ones use what earlier ones built. `built` names files that the build leaves. */
const FOLDERS = [
  {
    folder: "locara/js",
    build: ["--workspaces"],
    sources: [...PACKAGES.flatMap((name) => [`${name}/src/**`, `${name}/*.json`]), ...COMPONENTS],
    built: [...PACKAGES.map((name) => `${name}/dist/index.js`), "components/dist/registry.json"],
  },
  {
    folder: "apps/docvault",
    build: [],
    sources: ["src/**", "static/**", "public/**", "*.json", "build.mjs"],
    also: [`${SDK}/src/**`, `${SDK}/*.json`],
    built: ["build/modules/docvault.js", "dist/index.html"],
  },
  {
    folder: "apps/transcribe",
    build: [],
    sources: ["src/**", "static/**", "public/**", "*.json", "build.mjs"],
    also: [`${SDK}/src/**`, `${SDK}/*.json`],
    built: ["build/modules/app.js", "dist/index.html"],
  },
  // The page that shows the components, and what looks at it: only with --gallery.
  {
    folder: "locara/js/gallery",
    build: [],
    sources: ["src/**", "build.mjs", "*.json"],
    also: COMPONENTS.map((pattern) => `locara/js/${pattern}`),
    built: ["dist/index.html"],
    asked: "--gallery",
  },
  // What looks at the pages of the apps in a browser: only with --browser.
  { folder: "tests/e2e/browser", build: null, sources: [], built: [], asked: "--browser" },
  // Schemas and judges that tests hold our reports against; there is nothing to build.
  { folder: "tests/judges", build: null, sources: [], built: [] },
];

function digestOf(folder, patterns) {
  const hash = createHash("sha256").update(process.version);
  for (const path of patterns.flatMap((pattern) => globSync(pattern, { cwd: folder })).sort()) {
    const file = join(folder, path);
    if (statSync(file).isFile()) hash.update(path).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

const isStamped = (file, digest) => existsSync(file) && readFileSync(file, "utf8") === digest;

/** The npm that was pinned together with this node when there is one, else the one on PATH. */
function npm(folder, ...args) {
  const bundled = join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js");
  const [program, ...first] = existsSync(bundled) ? [process.execPath, bundled] : ["npm"];
  const path = [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path, npm_config_loglevel: "error", npm_config_update_notifier: "false" };
  const { status, error } = spawnSync(program, [...first, ...args], { cwd: folder, env, stdio: ["ignore", "inherit", "inherit"] });
  if (error) throw new Error(`npm did not start: ${error.message}`);
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed in ${relative(ROOT, folder)}`);
}

function setUp({ folder: name, build, sources, also = [], built }, checkOnly) {
  const folder = join(ROOT, name);
  const installed = join(folder, "node_modules/.locara-stamp");
  const wanted = digestOf(folder, ["package.json", "package-lock.json", ".npmrc", "*/package.json"]);
  const outputs = built.map((path) => join(folder, path));
  const buildStamp = `${outputs[0]}.stamp`;
  const inputs = digestOf(folder, sources) + digestOf(ROOT, also) + wanted;
  const steps = [];
  if (!isStamped(installed, wanted)) steps.push("install");
  if (build === null) {
    // Only packages.
  } else if (steps.length > 0 || !outputs.every((path) => existsSync(path)) || !isStamped(buildStamp, inputs)) steps.push("build");
  if (checkOnly || steps.length === 0) return steps.length === 0;
  for (const step of steps) {
    const start = performance.now();
    if (step === "install") {
      npm(folder, "ci");
      writeFileSync(installed, wanted);
    } else {
      rmSync(buildStamp, { force: true });
      npm(folder, "run", "--silent", "build", ...build);
      writeFileSync(buildStamp, inputs);
    }
    console.log(`${name}: ${step} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  return true;
}

try {
  const options = process.argv.slice(2);
  const checkOnly = options.includes("--check");
  const folders = FOLDERS.filter(({ asked }) => asked === undefined || options.includes(asked));
  const ready = folders.map((folder) => setUp(folder, checkOnly));
  process.exitCode = ready.every(Boolean) ? 0 : 1;
} catch (problem) {
  console.error(`setup: ${problem.message}`);
  process.exitCode = 1;
}
