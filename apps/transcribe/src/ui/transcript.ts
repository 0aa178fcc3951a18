/** One recording: its name, what was said with the times, who said it, its notes, and the way out. */

import type { Transcribe } from "../app.ts";
import { FORMATS, type Format } from "../export.ts";
import type { Note, Recording, StoredSegment } from "../recordings.ts";
import { shortTime } from "../times.ts";
import { attempt, h, shown, tell, the } from "./page.ts";

const STATE = { hearing: "being heard", stopped: "stopped early", whole: "" } as const;

export interface View {
  readonly recording: number;
  /** Adds what was just heard at its end. */
  add(segment: StoredSegment): void;
  /** Scrolls to a moment and marks it. */
  go(segment: number): void;
  /** Has the notes written, as the button does. */
  write(): void;
}

/** Draws a recording into the page. `changed` is called when its name changed or it is gone. */
export async function showRecording(app: Transcribe, id: number, changed: (gone: boolean) => void): Promise<View> {
  const { recording, segments, notes } = await app.whole(id);
  const list = h("ol", { className: "transcript", ariaLabel: "Transcript" });
  const rows = new Map<number, HTMLLIElement>();
  const add = (segment: StoredSegment): void => {
    if (rows.has(segment.id)) return;
    const row = rowOf(app, segment);
    rows.set(segment.id, row);
    list.append(row);
    row.scrollIntoView({ block: "nearest" });
  };
  const go = (segment: number): void => {
    for (const row of rows.values()) row.classList.remove("here");
    const row = rows.get(segment);
    row?.classList.add("here");
    row?.scrollIntoView({ block: "center" });
    row?.querySelector<HTMLElement>(".words")?.focus({ preventScroll: true });
  };
  for (const segment of segments) add(segment);
  if (segments.length === 0 && recording.state !== "hearing") list.append(h("li", { className: "none", textContent: "Nothing was said that could be heard." }));
  offerSpeakers(segments.map(({ speaker }) => speaker));
  the("view", HTMLDivElement).replaceChildren(
    headOf(app, recording, changed),
    h("div", { className: "body" }, list, notesOf(app, recording, notes, segments, go)),
  );
  the("stage", HTMLElement).scrollTop = 0;
  const write = (): void => the("view", HTMLDivElement).querySelector<HTMLButtonElement>(".notes .main")?.click();
  return { recording: id, add, go, write };
}

function headOf(app: Transcribe, recording: Recording, changed: (gone: boolean) => void): HTMLElement {
  const title = h("input", { className: "title", value: recording.name, maxLength: 200, ariaLabel: "Name of the recording" });
  title.addEventListener("change", () => attempt(async () => {
    const name = title.value.trim() || recording.name;
    title.value = name;
    await app.recordings.rename(recording.id, name);
    changed(false);
  }));
  const origin = recording.origin === "file" ? "from a file" : "from the microphone";
  const facts = [new Date(recording.added).toLocaleString(), shortTime(recording.duration), origin, recording.language, STATE[recording.state]];
  const formats: (Format | "wav")[] = [...FORMATS, ...(recording.sound === 1 ? (["wav"] as const) : [])];
  const saves = formats.map((format) =>
    h("button", { textContent: format, title: `Save as .${format}`, onclick: () => attempt(async () => {
      const name = await app.save(recording.id, format);
      if (name !== undefined) tell(`Saved as ${shown(name)}`);
    }) }));
  return h("div", { className: "head" }, title,
    h("p", { className: "facts", textContent: facts.filter((fact) => fact !== "").join(" · ") }),
    h("div", { className: "bar" }, h("span", { className: "facts", textContent: "Export as" }), ...saves, removeButton(app, recording, changed)));
}

/** A second press is asked for in place. */
function removeButton(app: Transcribe, recording: Recording, changed: (gone: boolean) => void): HTMLButtonElement {
  const button = h("button", { className: "danger", textContent: "Delete" });
  let sure = false;
  button.addEventListener("blur", () => {
    sure = false;
    button.textContent = "Delete";
  });
  button.addEventListener("click", () => {
    if (sure) attempt(async () => {
      await app.recordings.remove(recording);
      changed(true);
    });
    sure = true;
    button.textContent = "Really delete?";
  });
  return button;
}

function rowOf(app: Transcribe, segment: StoredSegment): HTMLLIElement {
  const time = shortTime(segment.start);
  const speaker = h("input", { className: "speaker", value: segment.speaker, placeholder: "Who?", maxLength: 60, ariaLabel: `Speaker at ${time}` });
  speaker.setAttribute("list", "speakers");
  speaker.addEventListener("change", () => attempt(async () => {
    await app.recordings.nameSpeaker(segment.id, speaker.value.trim());
    offerSpeakers([speaker.value.trim()], true);
  }));
  const words = h("div", { className: "words", textContent: segment.text, contentEditable: "plaintext-only", tabIndex: 0, role: "textbox", ariaLabel: `Words at ${time}` });
  let kept = segment.text;
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      words.blur();
    } else if (event.key === "Escape") {
      words.textContent = kept;
      words.blur();
      event.stopPropagation();
    }
  });
  words.addEventListener("blur", () => {
    const text = (words.textContent ?? "").trim();
    if (text === kept || text === "") {
      words.textContent = kept;
      return;
    }
    attempt(async () => {
      await app.recordings.correct(segment.id, text);
      kept = text;
    });
  });
  return h("li", {}, h("span", { className: "time", textContent: time }), speaker, words);
}

function offerSpeakers(names: readonly string[], keep = false): void {
  const box = the("speakers", HTMLDataListElement);
  const before = keep ? [...box.options].map(({ value }) => value) : [];
  const all = new Set([...before, ...names].filter((name) => name !== ""));
  box.replaceChildren(...[...all].sort().map((value) => h("option", { value })));
}

function notesOf(app: Transcribe, recording: Recording, notes: readonly Note[], segments: readonly StoredSegment[], go: (segment: number) => void): HTMLElement {
  const starts = new Map(segments.map(({ id, start }) => [id, start]));
  const box = h("aside", { className: "notes", ariaLabel: "Summary and action items" });
  const write = h("button", { className: "main", title: "S", textContent: notes.length === 0 ? "Write a summary" : "Write it again" });
  write.addEventListener("click", () => attempt(async () => {
    const held = document.activeElement === write;
    write.disabled = true;
    write.textContent = "Reading…";
    try {
      const fresh = await app.takeNotes(recording.id);
      const now = await app.recordings.segments(recording.id);
      const next = notesOf(app, recording, fresh, now, go);
      box.replaceWith(next);
      if (held && document.activeElement === document.body) next.querySelector<HTMLElement>(".main")?.focus();
    } finally {
      write.disabled = false;
      write.textContent = "Write a summary";
    }
  }));
  const part = (kind: Note["kind"], heading: string, none: string): HTMLElement => {
    const items = notes.filter((note) => note.kind === kind).map((note) => noteOf(app, note, starts, go));
    return h("section", {}, h("h2", { textContent: heading }), items.length > 0 ? h("ul", {}, ...items) : h("p", { className: "facts", textContent: none }));
  };
  if (notes.length > 0) {
    box.append(part("summary", "Summary", "Nothing to sum up."), part("action", "Action items", "None were found."));
    box.append(h("small", { textContent: "Made on this computer, of words that were said. Check it against the transcript." }));
  } else {
    box.append(h("h2", { textContent: "Summary and action items" }), h("p", { className: "facts", textContent: "A model on this computer reads the transcript and points to the moments." }));
  }
  box.append(write);
  return box;
}

function noteOf(app: Transcribe, note: Note, starts: ReadonlyMap<number, number>, go: (segment: number) => void): HTMLLIElement {
  const item = h("li", { className: note.done === 1 ? "done" : "" });
  if (note.kind === "action") {
    const tick = h("input", { type: "checkbox", checked: note.done === 1, ariaLabel: `Done: ${note.text}` });
    tick.addEventListener("change", () => {
      item.classList.toggle("done", tick.checked);
      attempt(() => app.recordings.setDone(note.id, tick.checked));
    });
    item.append(tick);
  } else {
    item.append(h("span", { textContent: "•", ariaHidden: "true" }));
  }
  const body = h("div", {}, h("span", { className: "note", textContent: note.text }), " ");
  const { segment } = note;
  const start = segment === null ? undefined : starts.get(segment);
  if (segment !== null && start !== undefined) {
    body.append(h("button", { className: "jump", textContent: shortTime(start), title: "Show where it was said", onclick: () => go(segment) }));
  }
  item.append(body);
  return item;
}
