/** Sound of the microphone or of what the computer plays. Needs `device.microphone` or `device.system-audio`. */

import { base64ToBytes } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

export interface OpenAudio {
  readonly source: "microphone" | "system";
  /** Samples a second; 16,000 unless told. */
  readonly rate?: number;
  /** 1 or 2; 1 unless told. */
  readonly channels?: number;
}

export interface Sound {
  /** Samples of all channels, side by side. */
  readonly samples: Int16Array;
  /** Samples of each channel that were lost before these, because they were not read in time. */
  readonly dropped: number;
  /** True when no more will come. */
  readonly ended: boolean;
}

/** A device that is on. Leaving a `for await` over it switches it off. */
export interface AudioInput extends AsyncIterable<Int16Array> {
  readonly rate: number;
  readonly channels: number;
  /** The sound since the last read, once `atLeastMs` of it are there (200 unless told). */
  read(options?: { readonly atLeastMs?: number } & Pick<CallOptions, "signal">): Promise<Sound>;
  /** Switches the device off. Safe to call twice. */
  close(): Promise<void>;
}

export interface Audio {
  /** Switches the device on; the person is told. Rejects with `device_unavailable` where there is none. */
  open(request: OpenAudio): Promise<AudioInput>;
}

interface Opened {
  readonly handle: string;
  readonly rate: number;
  readonly channels: number;
}

interface Read {
  readonly data: string;
  readonly dropped: number;
  readonly ended: boolean;
}

function samplesOf(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int16Array.from({ length: bytes.byteLength >> 1 }, (_, at) => view.getInt16(at * 2, true));
}

export function createAudio(transport: Transport): Audio {
  return {
    async open(request) {
      const { handle, rate, channels } = (await transport.call("audio.open", { ...request })) as unknown as Opened;
      let open = true;
      const close = async (): Promise<void> => {
        if (!open) return;
        open = false;
        await transport.call("audio.close", { handle });
      };
      const read: AudioInput["read"] = async ({ atLeastMs = 200, signal } = {}) => {
        const result = await transport.call("audio.read", { handle, atLeastMs }, { signal });
        const { data, dropped, ended } = result as unknown as Read;
        return { samples: samplesOf(base64ToBytes(data)), dropped, ended };
      };
      async function* iterate(): AsyncGenerator<Int16Array> {
        try {
          for (;;) {
            const { samples, ended } = await read();
            if (samples.length > 0) yield samples;
            if (ended) return;
          }
        } finally {
          await close();
        }
      }
      return { rate, channels, read, close, [Symbol.asyncIterator]: iterate };
    },
  };
}
