/** Pictures of the camera. Needs `device.camera`. */

import { base64ToBytes } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

export interface Picture {
  /** A JPEG file, or three bytes for each point, row by row. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly format: "jpeg" | "rgb";
  readonly width: number;
  readonly height: number;
  /** Pictures that came and went since the last one read. */
  readonly dropped: number;
}

export interface CameraInput {
  /** The newest picture, newer than the last one read. Rejects with `device_unavailable` when none comes. */
  read(options?: Pick<CallOptions, "signal">): Promise<Picture>;
  /** Switches the camera off. Safe to call twice. */
  close(): Promise<void>;
}

export interface Camera {
  /** Switches the camera on; the person is told. It takes the nearest size that it has. */
  open(request?: { readonly width?: number; readonly height?: number }): Promise<CameraInput>;
}

export function createCamera(transport: Transport): Camera {
  return {
    async open(request = {}) {
      const { handle } = (await transport.call("camera.open", { ...request })) as { handle: string };
      let open = true;
      return {
        async read({ signal } = {}) {
          const result = await transport.call("camera.read", { handle }, { signal });
          const { data, ...rest } = result as unknown as Omit<Picture, "bytes"> & { data: string };
          return { ...rest, bytes: base64ToBytes(data) };
        },
        async close() {
          if (!open) return;
          open = false;
          await transport.call("camera.close", { handle });
        },
      };
    },
  };
}
