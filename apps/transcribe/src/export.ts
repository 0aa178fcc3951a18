/** A transcript as a file that other programs read. */

import type { Note, Recording, StoredSegment } from "./recordings.ts";
import { shortTime, subtitleTime } from "./times.ts";

export const FORMATS = ["txt", "srt", "vtt", "md", "json"] as const;
export type Format = (typeof FORMATS)[number];

export interface Whole {
  readonly recording: Recording;
  readonly segments: readonly StoredSegment[];
  readonly notes: readonly Note[];
}

/** The text of the file, its last line ended. */
export function exported(format: Format, whole: Whole): string {
  return WRITERS[format](whole);
}

const WRITERS: Readonly<Record<Format, (whole: Whole) => string>> = {
  txt: ({ segments }) => segments.map((segment) => `${spoken(segment)}\n`).join(""),
  srt: ({ segments }) =>
    segments.map((segment, at) => `${at + 1}\n${span(segment, ",", " --> ")}\n${oneLine(spoken(segment)).replaceAll("-->", "->")}\n\n`).join(""),
  vtt: ({ segments }) =>
    `WEBVTT\n\n${segments.map((segment) => `${span(segment, ".", " --> ")}\n${voice(segment.speaker)}${escaped(oneLine(segment.text))}\n\n`).join("")}`,
  md: markdown,
  json: ({ recording, segments, notes }) => {
    const { name, origin, added, duration, language } = recording;
    const list = segments.map(({ start, finish, speaker, text }) => ({ start, end: finish, ...(speaker === "" ? {} : { speaker }), text }));
    const of = (kind: Note["kind"]): Note[] => notes.filter((note) => note.kind === kind);
    const summary = of("summary").map(({ text }) => text);
    const actions = of("action").map(({ text, done }) => ({ text, done: done === 1 }));
    return `${JSON.stringify({ name, origin, added, duration, language, segments: list, summary, actions }, null, 2)}\n`;
  },
};

function markdown({ recording, segments, notes }: Whole): string {
  const parts = [`# ${plain(recording.name)}`, `${recording.added.slice(0, 10)}, ${shortTime(recording.duration)}`];
  const summary = notes.filter(({ kind }) => kind === "summary").map(({ text }) => `- ${plain(text)}`);
  const actions = notes.filter(({ kind }) => kind === "action").map(({ text, done }) => `- [${done === 1 ? "x" : " "}] ${plain(text)}`);
  if (summary.length > 0) parts.push("## Summary", summary.join("\n"));
  if (actions.length > 0) parts.push("## Action items", actions.join("\n"));
  parts.push("## Transcript");
  for (const { start, speaker, text } of segments) {
    parts.push(`**${shortTime(start)}**${speaker === "" ? "" : ` **${plain(speaker)}:**`} ${plain(text)}`);
  }
  return `${parts.join("\n\n")}\n`;
}

function spoken({ speaker, text }: StoredSegment): string {
  return speaker === "" ? text : `${speaker}: ${text}`;
}

function span({ start, finish }: StoredSegment, mark: "," | ".", arrow: string): string {
  return `${subtitleTime(start, mark)}${arrow}${subtitleTime(Math.max(finish, start + 0.001), mark)}`;
}

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ");
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** A name may hold what would end the tag it stands in. */
const voice = (speaker: string): string => (speaker === "" ? "" : `<v ${escaped(oneLine(speaker))}>`);
/** What a person said is text, whatever letters it has. */
const plain = (text: string): string => oneLine(text).replace(/[\\`*_[\]<>#|~]/g, "\\$&");

/** A file name that every system takes. */
export function fileName(name: string, ending: string): string {
  const kept = name.normalize("NFC").replace(/[^\p{L}\p{M}\p{N} ._-]+/gu, " ").replace(/\s+/g, " ");
  // Far below 255 bytes, and never a name that hides or that Windows keeps for itself.
  const short = [...kept].slice(0, 60).join("").replace(/^[ .]+|[ .]+$/g, "");
  return `${short === "" || /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(short) ? "transcript" : short}.${ending}`;
}
