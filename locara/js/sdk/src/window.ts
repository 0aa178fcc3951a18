/** WindowTransport: talks the same frame objects to the runtime through the bridge the app window provides. */

import { LocaraError } from "./errors.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { CallTable, type CallOptions, type Transport } from "./transport.ts";

/** The bridge: one channel for whole frames. A MessagePort wrapped in two lines is one, too. */
export interface FramePort {
  send(frame: JsonObject): void;
  /** Calls `receive` with each frame from the runtime and `closed` once when the runtime is gone. */
  listen(receive: (frame: unknown) => void, closed: (reason: string) => void): void;
  close?(): void;
}

declare global {
  interface Window {
    readonly __locara?: FramePort;
  }
}

export class WindowTransport implements Transport {
  readonly #port: FramePort;
  readonly #calls: CallTable;

  constructor(port: FramePort) {
    this.#port = port;
    this.#calls = new CallTable((frame) => port.send(frame));
    port.listen(
      (frame) => {
        if (isObject(frame)) this.#calls.receive(frame);
        else this.#calls.close(new LocaraError("bad_frame", "the bridge delivered something that is not a frame"));
      },
      (reason) => this.#calls.close(new LocaraError("transport_closed", reason)),
    );
  }

  /** The transport of this window. Throws LocaraError `not_connected` on a page that Locara did not open. */
  static ofWindow(): WindowTransport {
    const port = typeof window === "undefined" ? undefined : window.__locara;
    if (!port) throw new LocaraError("not_connected", "this page was not opened by Locara: it has no bridge");
    return new WindowTransport(port);
  }

  call(cmd: string, args: JsonObject, options?: CallOptions): Promise<Json> {
    return this.#calls.call(cmd, args, options);
  }

  close(): Promise<void> {
    this.#calls.close(new LocaraError("transport_closed", "the connection was closed"));
    this.#port.close?.();
    return Promise.resolve();
  }
}
