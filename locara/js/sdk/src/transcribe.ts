/** Speech to text with a pinned local model. Needs modality `speech-to-text` and the model in `capabilities.models`. */

import { createAudio, type OpenAudio } from "./audio.ts";
import { bytesToBase64 } from "./base64.ts";
import type { Json, JsonObject } from "./json.ts";
import { createStream, type Stream } from "./stream.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Most samples in one push to the runtime; longer ones are split. */
export const MAX_PUSH_SAMPLES = 512 * 1024;

/** Some words and when they were said, in seconds from the start of the sound. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Transcript {
  readonly segments: readonly Segment[];
  readonly text: string;
  /** Seconds of sound. */
  readonly duration: number;
  readonly language: string;
  readonly finishReason: "stop" | "cancelled";
  readonly usage: { readonly outputTokens: number; readonly msTotal: number };
}

export interface TranscribeFile {
  /** Model id as pinned in the manifest, with or without its digest. */
  readonly model: string;
  /** `$APP_DATA`, a granted folder, or a handle of `fs.pick` (then path is empty). The file is a WAV file. */
  readonly root: string;
  readonly path: string;
  /** Two-letter code. Without it a model of many languages finds out. */
  readonly language?: string;
}

/** Speech that arrives bit by bit. At most four are open at a time. */
export interface LiveTranscript {
  /** 16-bit samples of one channel. Resolves with what became certain, often nothing. */
  push(samples: Int16Array): Promise<readonly Segment[]>;
  /** Hears the rest and ends the stream. */
  close(): Promise<Transcript>;
}

export interface TranscribeLive extends Pick<TranscribeFile, "model" | "language">, Pick<OpenAudio, "source"> {
  /** Aborting it ends the listening; what was said until then is heard to its end. */
  readonly stop?: AbortSignal;
}

export interface Transcribe {
  /** Listens to the microphone, or to what the computer plays, and yields segments as they become certain. */
  live(request: TranscribeLive): Stream<Segment, Transcript>;
  /** Yields segments as they are heard; `result` is the whole. */
  fromFile(request: TranscribeFile, options?: Pick<CallOptions, "signal">): Stream<Segment, Transcript>;
  /** Opens a stream of `rate` samples a second (16,000 unless told). */
  stream(request: { readonly model: string; readonly language?: string; readonly rate?: number }): Promise<LiveTranscript>;
}

function transcriptOf(result: Json): Transcript {
  const { segments, text, duration, language, finishReason, usage } = result as unknown as Transcript;
  return { segments, text, duration, language, finishReason, usage };
}

function littleEndian(samples: Int16Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, at) => view.setInt16(at * 2, sample, true));
  return new Uint8Array(view.buffer);
}

export function createTranscribe(transport: Transport): Transcribe {
  const transcribe: Transcribe = {
    live({ source, stop, ...request }) {
      return createStream<Segment, Transcript>(async (emit, signal) => {
        const input = await createAudio(transport).open({ source });
        try {
          const heard = await transcribe.stream({ ...request, rate: input.rate });
          for await (const samples of input) {
            for (const segment of await heard.push(samples)) emit(segment);
            signal.throwIfAborted();
            if (stop?.aborted) break;
          }
          return await heard.close();
        } finally {
          await input.close();
        }
      });
    },
    fromFile(request, options = {}) {
      return createStream<Segment, Transcript>(async (emit, signal) => {
        const onEvent = ({ type, start, end, text }: JsonObject): void => {
          if (type === "segment" && typeof start === "number" && typeof end === "number" && typeof text === "string") {
            emit({ start, end, text });
          }
        };
        const args = { ...request, stream: true } as unknown as JsonObject;
        return transcriptOf(await transport.call("transcribe.fromFile", args, { signal, onEvent }));
      }, options);
    },
    async stream(request) {
      const { stream } = (await transport.call("transcribe.open", { ...request })) as { stream: string };
      return {
        async push(samples) {
          const found: Segment[] = [];
          for (let at = 0; at < samples.length; at += MAX_PUSH_SAMPLES) {
            const data = bytesToBase64(littleEndian(samples.subarray(at, at + MAX_PUSH_SAMPLES)));
            const result = await transport.call("transcribe.push", { stream, data });
            found.push(...(result as unknown as { segments: Segment[] }).segments);
          }
          return found;
        },
        async close() {
          return transcriptOf(await transport.call("transcribe.close", { stream }));
        },
      };
    },
  };
  return transcribe;
}
