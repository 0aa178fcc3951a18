/** What is stored: recordings, their segments and notes, and the sound of what the microphone heard. */

import { APP_DATA, LocaraError, type Locara, type Row } from "@locara/sdk";

import { wavOf } from "./sound.ts";

export interface Recording extends Row {
  readonly id: number;
  readonly name: string;
  readonly origin: "file" | "microphone";
  /** ISO time, UTC. */
  readonly added: string;
  /** Seconds. */
  readonly duration: number;
  readonly language: string;
  readonly state: "hearing" | "stopped" | "whole";
  readonly sound: 0 | 1;
}

/** `start` and `finish` in seconds. */
export interface StoredSegment extends Row {
  readonly id: number;
  readonly recording: number;
  readonly start: number;
  readonly finish: number;
  readonly speaker: string;
  readonly heard: string;
  readonly text: string;
}

export interface Note extends Row {
  readonly id: number;
  readonly kind: "summary" | "action";
  readonly segment: number | null;
  readonly source: "model" | "quote";
  readonly done: 0 | 1;
  readonly text: string;
}

export type NewNote = Pick<Note, "kind" | "segment" | "source" | "text">;

export interface Found extends Row {
  readonly recording: number;
  readonly name: string;
  readonly segment: number;
  readonly start: number;
  readonly speaker: string;
  readonly text: string;
}

const FOLDER = "sound";
const MOST_FOUND = 50;
const RECORDING = "id, name, origin, added, duration, language, state, sound";

const soundPath = (id: number): string => `${FOLDER}/${id}.pcm`;

/** Words as an FTS5 query in which nothing is an operator; the last one may be the beginning of a word. */
export function matchOf(text: string): string {
  const terms = text.split(/\s+/).filter((term) => /[\p{L}\p{N}]/u.test(term));
  return terms.map((term) => `"${term.replaceAll('"', '""')}"`).join(" ") + (terms.length > 0 && !/\s$/.test(text) ? "*" : "");
}

export class Recordings {
  readonly #locara: Pick<Locara, "db" | "fs">;
  readonly #now: () => Date;

  constructor(locara: Pick<Locara, "db" | "fs">, now: () => Date = () => new Date()) {
    this.#locara = locara;
    this.#now = now;
  }

  /** Makes the folder for sound, and keeps what an interrupted hearing left. Call once before anything else. */
  async open(): Promise<void> {
    const { db, fs } = this.#locara;
    try {
      await fs.mkdir(APP_DATA, FOLDER);
    } catch (error) {
      if (!(error instanceof LocaraError && error.code === "exists")) throw error;
    }
    await db.exec("UPDATE recordings SET state = 'stopped' WHERE state = 'hearing'");
  }

  async all(): Promise<Recording[]> {
    return this.#locara.db.query(`SELECT ${RECORDING} FROM recordings ORDER BY added DESC, id DESC`);
  }

  async get(id: number): Promise<Recording> {
    const [found] = await this.#locara.db.query<Recording>(`SELECT ${RECORDING} FROM recordings WHERE id = ?`, [id]);
    if (!found) throw new Error("This recording is not there any more.");
    return found;
  }

  async begin(name: string, origin: Recording["origin"], keepsSound: boolean): Promise<Recording> {
    const sql = "INSERT INTO recordings (name, origin, added, sound) VALUES (?, ?, ?, ?)";
    const params = [name, origin, this.#now().toISOString(), keepsSound ? 1 : 0];
    return this.get((await this.#locara.db.exec(sql, params)).lastRowId);
  }

  /** Keeps a piece as soon as it was heard, so that nothing is lost when the app ends. */
  async append(id: number, { start, end, text }: { start: number; end: number; text: string }): Promise<StoredSegment> {
    const sql = "INSERT INTO segments (recording, start, finish, heard, text) VALUES (?, ?, ?, ?, ?)";
    const { lastRowId } = await this.#locara.db.exec(sql, [id, start, end, text, text]);
    await this.#locara.db.exec("UPDATE recordings SET duration = max(duration, ?) WHERE id = ?", [end, id]);
    return { id: lastRowId, recording: id, start, finish: end, speaker: "", heard: text, text };
  }

  async finish(id: number, heard: { duration: number; language: string; whole: boolean }): Promise<void> {
    const sql = "UPDATE recordings SET duration = max(duration, ?), language = ?, state = ? WHERE id = ?";
    await this.#locara.db.exec(sql, [heard.duration, heard.language, heard.whole ? "whole" : "stopped", id]);
  }

  async segments(id: number): Promise<StoredSegment[]> {
    const sql = "SELECT id, recording, start, finish, speaker, heard, text FROM segments WHERE recording = ? ORDER BY start, id";
    return this.#locara.db.query(sql, [id]);
  }

  async rename(id: number, name: string): Promise<void> {
    await this.#locara.db.exec("UPDATE recordings SET name = ? WHERE id = ?", [name, id]);
  }

  async correct(segment: number, text: string): Promise<void> {
    await this.#locara.db.exec("UPDATE segments SET text = ? WHERE id = ?", [text, segment]);
  }

  async nameSpeaker(segment: number, speaker: string): Promise<void> {
    await this.#locara.db.exec("UPDATE segments SET speaker = ? WHERE id = ?", [speaker, segment]);
  }

  /** Gives a speaker of one recording another name, wherever they speak. */
  async renameSpeaker(id: number, before: string, after: string): Promise<void> {
    await this.#locara.db.exec("UPDATE segments SET speaker = ? WHERE recording = ? AND speaker = ?", [after, id, before]);
  }

  async notes(id: number): Promise<Note[]> {
    return this.#locara.db.query("SELECT id, kind, segment, source, done, text FROM notes WHERE recording = ? ORDER BY id", [id]);
  }

  /** Puts these notes in the place of what was there. */
  async setNotes(id: number, notes: readonly NewNote[]): Promise<void> {
    await this.#locara.db.batch([
      { sql: "DELETE FROM notes WHERE recording = ?", params: [id] },
      ...notes.map(({ kind, segment, source, text }) => ({
        sql: "INSERT INTO notes (recording, kind, segment, source, text) VALUES (?, ?, ?, ?, ?)",
        params: [id, kind, segment, source, text],
      })),
    ]);
  }

  async setDone(note: number, done: boolean): Promise<void> {
    await this.#locara.db.exec("UPDATE notes SET done = ? WHERE id = ?", [done ? 1 : 0, note]);
  }

  /** Moments in all recordings where the words were said, best first. */
  async search(text: string): Promise<Found[]> {
    const query = matchOf(text);
    if (query === "") return [];
    const sql = `SELECT s.recording, r.name, s.id AS segment, s.start, s.speaker, s.text
      FROM segment_words w JOIN segments s ON s.id = w.rowid JOIN recordings r ON r.id = s.recording
      WHERE segment_words MATCH ? ORDER BY w.rank LIMIT ${MOST_FOUND}`;
    return this.#locara.db.query(sql, [query]);
  }

  async keepSound(id: number, samples: Uint8Array): Promise<void> {
    await this.#locara.fs.writeBytes(APP_DATA, soundPath(id), samples, "append");
  }

  /** The sound as a WAV file. */
  async sound(id: number): Promise<Uint8Array<ArrayBuffer>> {
    return wavOf(await this.#locara.fs.readBytes(APP_DATA, soundPath(id)));
  }

  /** Removes words, notes and sound. */
  async remove({ id, sound }: Pick<Recording, "id" | "sound">): Promise<void> {
    await this.#locara.db.batch([{ sql: "DELETE FROM recordings WHERE id = ?", params: [id] }]);
    if (sound === 0) return;
    try {
      await this.#locara.fs.remove(APP_DATA, soundPath(id));
    } catch (error) {
      if (!(error instanceof LocaraError && error.code === "not_found")) throw error;
    }
  }
}
