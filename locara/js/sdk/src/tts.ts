/** Text spoken with a computer voice. Needs modality `text-to-speech` (or tooling `audio.synthesize`), and no model. */

import { base64ToBytes } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Sound as a WAV file, or as bare 16-bit little-endian samples of one channel. */
export interface Spoken {
  readonly data: Uint8Array;
  /** Samples a second. */
  readonly rate: number;
  /** Seconds. */
  readonly duration: number;
  readonly format: "wav" | "pcm";
}

export interface Voice {
  readonly id: string;
  readonly name: string;
  readonly gender: "male" | "female" | "neutral";
}

export interface SpeakRequest {
  /** At most 4,000 characters. It is spoken as it stands: no markup in it is obeyed. */
  readonly text: string;
  /** An id of `voices()`; `en-us` unless told. */
  readonly voice?: string;
  /** Words a minute, 80 to 400. */
  readonly rate?: number;
  /** 0 to 99. */
  readonly pitch?: number;
  readonly format?: "wav" | "pcm";
}

export interface Tts {
  speak(request: SpeakRequest, options?: Pick<CallOptions, "signal">): Promise<Spoken>;
  voices(): Promise<readonly Voice[]>;
}

export function createTts(transport: Transport): Tts {
  return {
    async speak(request, options = {}) {
      const result = await transport.call("tts.speak", { ...request }, options);
      const spoken = result as unknown as Omit<Spoken, "data"> & { data: string };
      return { ...spoken, data: base64ToBytes(spoken.data) };
    },
    async voices() {
      return ((await transport.call("tts.voices", {})) as unknown as { voices: Voice[] }).voices;
    },
  };
}
