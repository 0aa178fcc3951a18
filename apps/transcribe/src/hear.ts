/** From sound to segments: a file the person opens, or the microphone. */

import { LocaraError, type Handle, type Locara, type Segment, type Transcript } from "@locara/sdk";

import type { Models } from "./models.ts";
import type { Recording, Recordings, StoredSegment } from "./recordings.ts";
import { bytesOf, loudness, RATE } from "./sound.ts";

/** Sound of any file the engine can play, as 16,000 samples a second of one channel. Rejects for any other file. */
export type Decode = (bytes: Uint8Array<ArrayBuffer>) => Promise<Int16Array>;

export interface Hearing {
  readonly onBegin?: (recording: Recording) => void;
  readonly onSegment?: (segment: StoredSegment) => void;
  /** How loud the microphone is, 0 to 1, a few times a second, with the seconds so far. */
  readonly onSound?: (level: number, seconds: number) => void;
  /** Aborting it ends the hearing; what was heard is kept. */
  readonly signal?: AbortSignal;
}

const MAX_FILE_BYTES = 512 * 1024 * 1024;
const PUSH_SECONDS = 4;
const READ_MS = 250;

export class Listener {
  readonly #locara: Pick<Locara, "fs" | "audio" | "transcribe">;
  readonly #recordings: Recordings;
  readonly #models: Models;
  readonly #decode: Decode;

  constructor(locara: Pick<Locara, "fs" | "audio" | "transcribe">, recordings: Recordings, models: Models, decode: Decode) {
    this.#locara = locara;
    this.#recordings = recordings;
    this.#models = models;
    this.#decode = decode;
  }

  /** Shows the picker and hears the files, one after the other. Empty when the person cancelled. */
  async pick(hearing: Hearing = {}): Promise<Recording[]> {
    const handles = await this.#locara.fs.pick({ kind: "file", access: "read", multiple: true });
    const heard: Recording[] = [];
    try {
      for (const handle of handles) heard.push(await this.#file(handle, hearing));
    } finally {
      for (const { handle } of handles) await this.#locara.fs.release(handle);
    }
    return heard;
  }

  async #file(handle: Handle, hearing: Hearing): Promise<Recording> {
    const first = await this.#locara.fs.readBytes(handle.handle, "", { maxBytes: MAX_FILE_BYTES, signal: hearing.signal });
    const recording = await this.#recordings.begin(handle.name.replace(/\.[^.]+$/, ""), "file", false);
    hearing.onBegin?.(recording);
    try {
      const head = new TextDecoder("latin1").decode(first.subarray(0, 12));
      const isWav = head.startsWith("RIFF") && head.endsWith("WAVE"); // a film can be a RIFF file, too
      const transcript = isWav ? await this.#wav(handle, recording, hearing) : await this.#decoded(first, recording, hearing);
      return await this.#end(recording, transcript);
    } catch (error) {
      return this.#broken(recording, error, hearing);
    }
  }

  /** A WAV file is read by the runtime itself, which needs no copy of it here. */
  async #wav(handle: Handle, recording: Recording, hearing: Hearing): Promise<Transcript> {
    const request = { model: this.#models.speech, root: handle.handle, path: "" };
    const stream = this.#locara.transcribe.fromFile(request, { signal: hearing.signal });
    for await (const segment of stream) await this.#keep(recording, segment, hearing);
    return stream.result;
  }

  async #decoded(bytes: Uint8Array<ArrayBuffer>, recording: Recording, hearing: Hearing): Promise<Transcript> {
    const samples = await this.#decode(bytes);
    const live = await this.#locara.transcribe.stream({ model: this.#models.speech, rate: RATE });
    let given = 0;
    const keep = async (segments: readonly Segment[]): Promise<void> => {
      given += segments.length;
      for (const segment of segments) await this.#keep(recording, segment, hearing);
    };
    for (let at = 0; at < samples.length && !hearing.signal?.aborted; at += PUSH_SECONDS * RATE) {
      await keep(await live.push(samples.subarray(at, at + PUSH_SECONDS * RATE)));
    }
    const whole = await live.close();
    await keep(whole.segments.slice(given));
    hearing.signal?.throwIfAborted();
    return whole;
  }

  /** Listens until `signal` is aborted or the device ends. The sound is kept with the words. */
  async record(name: string, hearing: Hearing = {}): Promise<Recording> {
    const input = await this.#locara.audio.open({ source: "microphone", rate: RATE });
    const recording = await this.#recordings.begin(name, "microphone", true).catch(async (error: unknown) => {
      await input.close();
      throw error;
    });
    hearing.onBegin?.(recording);
    try {
      const live = await this.#locara.transcribe.stream({ model: this.#models.speech, rate: input.rate });
      let [given, seconds] = [0, 0];
      // Hearing takes longer than recording now and then: pieces wait in line, and the device is read on.
      let heard: Promise<void> = Promise.resolve();
      for (let ended = false; !ended && !hearing.signal?.aborted; ) {
        const sound = await input.read({ atLeastMs: READ_MS });
        ended = sound.ended;
        if (sound.samples.length === 0) continue;
        seconds += sound.samples.length / input.rate;
        hearing.onSound?.(loudness(sound.samples), seconds);
        await this.#recordings.keepSound(recording.id, bytesOf(sound.samples));
        heard = heard.then(async () => {
          const segments = await live.push(sound.samples);
          given += segments.length;
          for (const segment of segments) await this.#keep(recording, segment, hearing);
        });
        heard.catch(() => undefined); // awaited below
      }
      await input.close();
      await heard;
      const whole = await live.close();
      for (const segment of whole.segments.slice(given)) await this.#keep(recording, segment, hearing);
      return await this.#end(recording, whole);
    } catch (error) {
      return this.#broken(recording, error, hearing);
    } finally {
      await input.close();
    }
  }

  async #keep(recording: Recording, segment: Segment, hearing: Hearing): Promise<void> {
    const text = segment.text.trim();
    if (text === "") return;
    const stored = await this.#recordings.append(recording.id, { ...segment, text });
    hearing.onSegment?.(stored);
  }

  async #end({ id }: Recording, { duration, language, finishReason }: Transcript): Promise<Recording> {
    await this.#recordings.finish(id, { duration, language, whole: finishReason === "stop" });
    return this.#recordings.get(id);
  }

  /** What was heard until an error or a stop is kept; where that is nothing, nothing stays of the recording. */
  async #broken(recording: Recording, error: unknown, { signal }: Hearing): Promise<Recording> {
    const isGone = error instanceof LocaraError && error.code === "transport_closed";
    if (isGone) throw error;
    const segments = await this.#recordings.segments(recording.id);
    if (segments.length > 0) await this.#recordings.finish(recording.id, { duration: 0, language: "", whole: false });
    else if (recording.sound === 0) await this.#recordings.remove(recording);
    if (!signal?.aborted) throw error;
    return segments.length > 0 ? this.#recordings.get(recording.id) : { ...recording, state: "stopped" };
  }
}
