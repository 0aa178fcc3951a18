/** The app without its page: everything a person can do with their recordings. */

import { LocaraError, type Locara } from "@locara/sdk";

import { exported, fileName, type Format, type Whole } from "./export.ts";
import { Listener, type Decode } from "./hear.ts";
import { MODELS, type Models } from "./models.ts";
import { NoteTaker } from "./notes.ts";
import { Recordings, type Note, type Recording } from "./recordings.ts";

const MOST_NAMES = 100;

export class Transcribe {
  readonly recordings: Recordings;
  readonly listener: Listener;
  readonly #locara: Locara;
  readonly #notes: NoteTaker;

  private constructor(locara: Locara, decode: Decode, models: Models) {
    this.#locara = locara;
    this.recordings = new Recordings(locara);
    this.listener = new Listener(locara, this.recordings, models, decode);
    this.#notes = new NoteTaker(locara, models);
  }

  /** Opens the recordings of this app; see Recordings.open for what that mends. */
  static async open(locara: Locara, decode: Decode, models: Models = MODELS): Promise<Transcribe> {
    const app = new Transcribe(locara, decode, models);
    await app.recordings.open();
    return app;
  }

  async whole(id: number): Promise<Whole> {
    const [recording, segments, notes] = await Promise.all([
      this.recordings.get(id),
      this.recordings.segments(id),
      this.recordings.notes(id),
    ]);
    return { recording, segments, notes };
  }

  /** Has summary and action items written, in place of those that were there. */
  async takeNotes(id: number, signal?: AbortSignal): Promise<Note[]> {
    const notes = await this.#notes.write(await this.recordings.segments(id), signal);
    await this.recordings.setNotes(id, notes);
    return this.recordings.notes(id);
  }

  /** Writes a file into a folder that the person picks; its name, or undefined when they cancelled. */
  async save(id: number, format: Format | "wav"): Promise<string | undefined> {
    const [folder] = await this.#locara.fs.pick({ kind: "directory", access: "read-write" });
    if (!folder) return undefined;
    try {
      return await this.#write(folder.handle, await this.recordings.get(id), format);
    } finally {
      await this.#locara.fs.release(folder.handle);
    }
  }

  async #write(folder: string, recording: Recording, format: Format | "wav"): Promise<string> {
    const bytes =
      format === "wav"
        ? await this.recordings.sound(recording.id)
        : new TextEncoder().encode(exported(format, await this.whole(recording.id)));
    for (let number = 1; number <= MOST_NAMES; number++) {
      const name = fileName(number === 1 ? recording.name : `${recording.name} ${number}`, format);
      try {
        // Never over a file that is there.
        await this.#locara.fs.writeBytes(folder, name, bytes, "create");
        return name;
      } catch (error) {
        if (!(error instanceof LocaraError && error.code === "exists")) throw error;
      }
    }
    throw new Error("This folder has too many files of that name.");
  }
}
