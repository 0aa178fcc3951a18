import assert from "node:assert/strict";
import { test } from "node:test";

import { exported, fileName, type Whole } from "../src/export.ts";
import type { StoredSegment } from "../src/recordings.ts";
import { shortTime, subtitleTime } from "../src/times.ts";

const segment = (id: number, start: number, finish: number, text: string, speaker = ""): StoredSegment => ({ id, recording: 1, start, finish, speaker, heard: text, text });
const whole: Whole = {
  recording: { id: 1, name: "Team *call*", origin: "file", added: "2026-03-01T10:00:00.000Z", duration: 3725.5, language: "en", state: "whole", sound: 0 },
  segments: [segment(1, 0.2, 2.8, "Good morning.", "Laura"), segment(2, 3723.0004, 3725.5, "Is a --> b <i>true</i> & so on?\nYes.")],
  notes: [
    { id: 1, kind: "summary", segment: 1, source: "model", done: 0, text: "Good morning." },
    { id: 2, kind: "action", segment: 2, source: "quote", done: 1, text: "So on" },
  ],
};

test("times", () => {
  assert.deepEqual([0, 5.9, 65, 3723].map(shortTime), ["0:00", "0:05", "1:05", "1:02:03"]);
  assert.equal(subtitleTime(3723.0004, ","), "01:02:03,000");
  assert.equal(subtitleTime(59.9996, "."), "00:01:00.000", "rounded once, so that no second has 1000 milliseconds");
});

test("SRT: numbered, times with a comma, one line each, and no arrow in the words", () => {
  assert.equal(
    exported("srt", whole),
    "1\n00:00:00,200 --> 00:00:02,800\nLaura: Good morning.\n\n" +
      "2\n01:02:03,000 --> 01:02:05,500\nIs a -> b <i>true</i> & so on? Yes.\n\n",
  );
});

test("WebVTT: voices are tags, and what was said is never a tag or an arrow", () => {
  assert.equal(
    exported("vtt", whole),
    "WEBVTT\n\n00:00:00.200 --> 00:00:02.800\n<v Laura>Good morning.\n\n" +
      "01:02:03.000 --> 01:02:05.500\nIs a --&gt; b &lt;i&gt;true&lt;/i&gt; &amp; so on? Yes.\n\n",
  );
});

test("plain text, Markdown and JSON hold the same words", () => {
  assert.equal(exported("txt", whole).split("\n")[0], "Laura: Good morning.");
  const markdown = exported("md", whole);
  assert.match(markdown, /^# Team \\\*call\\\*\n\n2026-03-01, 1:02:05\n/);
  assert.match(markdown, /\n- \[x\] So on\n/);
  assert.match(markdown, /\n\*\*0:00\*\* \*\*Laura:\*\* Good morning\.\n/);
  const { segments, actions } = JSON.parse(exported("json", whole)) as { segments: unknown[]; actions: unknown[] };
  assert.deepEqual(segments[0], { start: 0.2, end: 2.8, speaker: "Laura", text: "Good morning." });
  assert.deepEqual(actions, [{ text: "So on", done: true }]);
});

test("a file name is one every system takes", () => {
  const names = ["../../etc/passwd", "a/b\\c:d", ".hidden", "", "con", "CON.notes", "\u202egpj", "é".repeat(300)];
  for (const name of names) {
    const file = fileName(name, "srt");
    assert.match(file, /^[\p{L}\p{M}\p{N}_-][\p{L}\p{M}\p{N} ._-]*\.srt$/u, file);
    assert.ok(new TextEncoder().encode(file).length <= 255);
    assert.doesNotMatch(file, /^con\./i);
  }
  assert.equal(fileName("Team call", "md"), "Team call.md");
});
