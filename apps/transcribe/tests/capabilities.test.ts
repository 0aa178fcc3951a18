/** Transcribe against its real runtime in its real sandbox, by `@locara/test` in Vitest: what it does, and what it may not. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { assertAllowed, assertDenied, startApp, type StartOptions, type TestApp } from "@locara/test";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Transcribe } from "../src/app.ts";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const AUDIO = fileURLToPath(new URL("../../../fixtures/audio/", import.meta.url));
const SAID = [
  "Good morning everyone.",
  "The first point is the sales plan.",
  "Sales went up by thirty percent in April.",
  "Who will prepare the marketing slides?",
  "Laura will prepare the marketing slides by Thursday.",
  "Please send the meeting notes tomorrow.",
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "transcribe-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const start = (options: StartOptions = {}): Promise<TestApp> => startApp(HERE, options);
/** WAV files need no media engine, so that nothing here is decoded by one. */
const open = (app: TestApp): Promise<Transcribe> => Transcribe.open(app, () => Promise.reject(new Error("not a WAV file")));

test("a meeting: heard live with its times, corrected, searched, summed up, and taken along in each format", async () => {
  await using app = await start({ pick: [join(AUDIO, "s6-meeting.wav"), ...Array.from({ length: 5 }, () => folder)] });
  const transcribe = await open(app);
  const live: [number, string][] = [];
  const [recording] = await transcribe.listener.pick({ onSegment: ({ start, text }) => live.push([start, text]) });
  const id = recording?.id ?? -1;
  const { segments } = await transcribe.whole(id);
  expect(segments.map(({ text }) => text)).toEqual(SAID);
  expect(live).toEqual(segments.map(({ start, text }) => [start, text]));
  expect(segments.every(({ start, finish }, at) => start < finish && start >= (segments[at - 1]?.finish ?? 0) - 0.05)).toBe(true);

  const third = segments[2]?.id ?? -1;
  await transcribe.recordings.correct(third, "Sales went up by 30 percent in May.");
  await transcribe.recordings.nameSpeaker(third, "Tom");
  expect((await transcribe.recordings.search("30 perc")).map(({ segment }) => segment)).toEqual([third]);
  const notes = await transcribe.takeNotes(id);
  expect(notes.filter(({ kind }) => kind === "action").map(({ segment }) => segment)).toEqual([segments[4]?.id, segments[5]?.id]);

  for (const format of ["txt", "srt", "vtt", "md", "json"] as const) {
    expect(await transcribe.save(id, format)).toBe(`s6-meeting.${format}`);
    const text = readFileSync(join(folder, `s6-meeting.${format}`), "utf8");
    for (const words of ["Good morning everyone.", "Sales went up by 30 percent in May.", "Tom"]) expect(text, format).toContain(words);
  }
});

test("what is done stays done, and what is deleted is gone, over a restart", async () => {
  const options = { data: join(folder, "data") };
  let kept: number;
  {
    await using app = await start({ ...options, pick: [join(AUDIO, "s1-action.wav"), join(AUDIO, "s2-number.wav")] });
    const transcribe = await open(app);
    const [[first], [second]] = [await transcribe.listener.pick(), await transcribe.listener.pick()];
    if (!first || !second) throw new Error("nothing was heard");
    await transcribe.recordings.rename(second.id, "Figures");
    await transcribe.recordings.remove(first);
    kept = second.id;
  }
  await using again = await start(options);
  const found = await (await open(again)).recordings.all();
  expect(found.map(({ id, name, state }) => [id, name, state])).toEqual([[kept, "Figures", "whole"]]);
});

test("a file that is no sound leaves nothing behind", async () => {
  writeFileSync(join(folder, "letter.wav"), `RIFF${"x".repeat(4000)}`);
  await using app = await start({ pick: [join(folder, "letter.wav")] });
  const transcribe = await open(app);
  await expect(transcribe.listener.pick()).rejects.toThrow();
  expect(await transcribe.recordings.all()).toEqual([]);
});

test("no network and no camera, and one line more is another answer", async () => {
  await using app = await start();
  const denied = await assertDenied(() => app.net.fetch({ url: "https://example.com/" }), { because: "net", code: "unknown_command" });
  expect(denied.fix).toContain("net");
  await assertDenied(() => app.call("camera.open"), { because: "device.camera", code: "unknown_command" });
  await using wider = await start({ manifest: ({ capabilities }) => (capabilities["net"] = { allowed_hosts: ["unreachable.example.com"] }) });
  expect(wider.commands.has("net.fetch")).toBe(true);
  await assertDenied(() => wider.net.fetch({ url: "https://elsewhere.example.com/" }), { because: "elsewhere.example.com", code: "capability_denied" });
});

test("the microphone and no other app's sound; without its line not the microphone either", async () => {
  await using app = await start();
  await assertDenied(() => app.audio.open({ source: "system" }), { because: "device.system-audio" });
  // A machine without a microphone says so, which is no denial.
  const opened = await assertAllowed(() => app.audio.open({ source: "microphone" }).catch((error: { code?: string }) => {
    if (error.code === "device_unavailable") return undefined;
    throw error;
  }));
  await opened?.close();
  await using narrower = await start({ manifest: ({ capabilities }) => delete capabilities["device.microphone"] });
  await assertDenied(() => narrower.audio.open({ source: "microphone" }), { because: "device.microphone" });
});

test("it writes where the person picked a folder to change, and nowhere beside it", async () => {
  await using app = await start({ pick: [folder, folder] });
  const [picked] = await assertAllowed(() => app.fs.pick({ kind: "directory", access: "read-write" }));
  const root = picked?.handle ?? "";
  await app.fs.writeBytes(root, "talk.srt", new TextEncoder().encode("1"), "create");
  expect(readFileSync(join(folder, "talk.srt"), "utf8")).toBe("1");
  const canary = `${folder}-canary`;
  for (const path of [`../${canary.split("/").at(-1)}`, canary, "a/../../x"]) {
    await expect(app.fs.writeBytes(root, path, new TextEncoder().encode("x"), "create")).rejects.toThrow();
  }
  expect(() => readFileSync(canary)).toThrow(/ENOENT/);
  const [readable] = await app.fs.pick({ kind: "directory", access: "read" });
  await assertDenied(() => app.fs.writeBytes(readable?.handle ?? "", "no.srt", new Uint8Array(1), "create"), { because: "read" });
  expect(() => readFileSync(join(folder, "no.srt"))).toThrow(/ENOENT/);
});
