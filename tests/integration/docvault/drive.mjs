// Drives DocVault's own compiled modules under Node against the real headless runtime.
//
//   node drive.mjs APP DATA PICK PYTHON [STEP...]
//
// A step is JSON: ["import"], ["documents"], ["search", QUERY], ["ask", QUESTION], ["remove", NAME], ["page", NAME, N],
// ["vaults"], ["create", VAULT], ["choose", VAULT], ["drop", VAULT], ["save", FORMAT, FOLDER], ["saveAnswer", QUESTION, FORMAT, FOLDER],
// ["call", COMMAND, ARGS]. Prints one JSON line for each step, {"step", "ms", "result"} or {"step", "ms", "error"}, and stops after the first error. The vault is opened first, as the step ["open"].
import { fileURLToPath } from "node:url";

const [app, data, pick, python, ...steps] = process.argv.slice(2);
const docvault = new URL("../../../apps/docvault/", import.meta.url);
const { createLocara } = await import(new URL("node_modules/@locara/sdk/dist/index.js", docvault));
const { NodeTransport } = await import(new URL("node_modules/@locara/sdk/dist/node.js", docvault));
const { openDocVault } = await import(new URL("build/modules/docvault.js", docvault));
const { createPdfReader } = await import(new URL("build/modules/pdf.js", docvault));

// pdf.js says on loading that it cannot draw without a canvas; DocVault draws nothing.
console.warn = () => undefined;
const pdfjs = await import(new URL("node_modules/pdfjs-dist/legacy/build/pdf.mjs", docvault));
const cMapUrl = fileURLToPath(new URL("node_modules/pdfjs-dist/cmaps/", docvault));

// The person who runs this agrees to what the app asks for; their answer is kept beside the data.
process.env.XDG_STATE_HOME = `${data}.state`;
const command = [python, "-m", "locara", "run", "--headless", "--accept-consent", app, "--data", data];
// The person picks the same folder for each import, and the folder of its step for what is saved: null for none.
for (const step of steps) {
  const [verb, ...args] = JSON.parse(step);
  if (verb === "import") command.push("--pick", pick);
  else if (verb.startsWith("save") && args.at(-1) !== null) command.push("--pick", args.at(-1));
}
const transport = new NodeTransport({ command });
const locara = createLocara(transport);
let vault;

async function byName(name) {
  const found = (await vault.documents()).find((document) => document.name === name);
  if (!found) throw new Error(`no document ${name}`);
  return found;
}

async function vaultCalled(name) {
  const found = (await vault.vaults()).find((one) => one.name === name);
  if (!found) throw new Error(`no vault ${name}`);
  return found.id;
}

const verbs = {
  open: async () => {
    vault = await openDocVault(locara, createPdfReader(pdfjs, { cMapUrl }));
    return null;
  },
  import: () => vault.importFrom("directory"),
  documents: () => vault.documents(),
  search: (query) => vault.search(query),
  ask: (question) => vault.ask(question),
  page: async (name, page) => vault.page((await byName(name)).id, page),
  remove: async (name) => vault.remove(await byName(name)),
  vaults: async () => (await vault.vaults()).map(({ name, documents }) => [name, documents]),
  create: (name) => vault.createVault(name),
  choose: async (name) => vault.chooseVault(await vaultCalled(name)),
  drop: async (name) => vault.removeVault(await vaultCalled(name)),
  save: (format) => vault.saveVault(format),
  saveAnswer: async (question, format) => vault.saveAnswer({ question, answer: await vault.ask(question), asked: new Date().toISOString() }, format),
  call: (cmd, args) => transport.call(cmd, args),
};

function described(error) {
  const { name, code, capability, because, fix, message } = error;
  return { name, code, capability, because, fix, message };
}

for (const step of ['["open"]', ...steps]) {
  const [verb, ...args] = JSON.parse(step);
  const start = performance.now();
  const line = { step: verb, ms: 0 };
  try {
    line.result = (await verbs[verb](...args)) ?? null;
  } catch (error) {
    line.error = described(error);
  }
  line.ms = Math.round(performance.now() - start);
  console.log(JSON.stringify(line));
  if (line.error) break;
}
await transport.close();
