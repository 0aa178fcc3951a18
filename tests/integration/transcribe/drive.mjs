// Drives Transcribe's own compiled modules under Node against the real headless runtime.
//
//   node drive.mjs APP PYTHON PICKS STEP...
//
// PICKS is a JSON list of paths, what the person picks in that order. A step is JSON: ["hear"], ["record", SECONDS],
// ["all"], ["whole", ID], ["search", TEXT], ["correct", SEGMENT, TEXT], ["speaker", SEGMENT, NAME],
// ["renameSpeaker", ID, BEFORE, AFTER], ["notes", ID], ["save", ID, FORMAT], ["remove", ID]. Prints one JSON line for each
// step, {"step", "result"} or {"step", "error"}, and stops after the first error. Data and decisions are kept in ./data.
import { readFile } from "node:fs/promises";

const [app, python, picks, ...steps] = process.argv.slice(2);
const home = new URL("../../../apps/transcribe/", import.meta.url);
const { createLocara } = await import(new URL("node_modules/@locara/sdk/dist/index.js", home));
const { NodeTransport } = await import(new URL("node_modules/@locara/sdk/dist/node.js", home));
const { Transcribe } = await import(new URL("build/modules/app.js", home));

const command = [python, "-m", "locara", "run", "--headless", "--accept-consent", app, "--data", "data"];
for (const path of JSON.parse(picks)) command.push("--pick", path);
const transport = new NodeTransport({ command });
// There is no media engine here: what a page decodes is given as the samples of a file beside.
const decode = async (bytes) => {
  const samples = await readFile(new TextDecoder().decode(bytes).trim());
  return new Int16Array(samples.buffer, samples.byteOffset + 44, (samples.length - 44) >> 1);
};
let transcribe;
const events = [];

const verbs = {
  open: async () => {
    transcribe = await Transcribe.open(createLocara(transport), decode);
  },
  hear: async () => {
    const onSegment = ({ start, finish, text }) => events.push([start, finish, text]);
    const heard = await transcribe.listener.pick({ onSegment });
    return { heard, events: events.splice(0) };
  },
  record: async (seconds) => {
    const stop = new AbortController();
    const levels = [];
    const onSound = (level, so) => {
      levels.push(level);
      if (so >= seconds) stop.abort();
    };
    const recording = await transcribe.listener.record("A talk", { onSound, signal: stop.signal });
    return { recording, loudest: Math.max(...levels) };
  },
  all: () => transcribe.recordings.all(),
  whole: (id) => transcribe.whole(id),
  search: (text) => transcribe.recordings.search(text),
  correct: (segment, text) => transcribe.recordings.correct(segment, text),
  speaker: (segment, name) => transcribe.recordings.nameSpeaker(segment, name),
  renameSpeaker: (...args) => transcribe.recordings.renameSpeaker(...args),
  notes: (id) => transcribe.takeNotes(id),
  save: (id, format) => transcribe.save(id, format),
  remove: async (id) => transcribe.recordings.remove(await transcribe.recordings.get(id)),
};

for (const step of ['["open"]', ...steps]) {
  const [verb, ...args] = JSON.parse(step);
  const line = { step: verb };
  try {
    line.result = (await verbs[verb](...args)) ?? null;
  } catch ({ name, code, capability, fix, message }) {
    line.error = { name, code, capability, fix, message };
  }
  console.log(JSON.stringify(line));
  if (line.error) break;
}
await transport.close();
