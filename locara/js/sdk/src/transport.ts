/** What carries a call to the runtime, and the bookkeeping of calls in flight that every carrier shares. */

import { errorFromReply, LocaraError } from "./errors.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Command } from "./surface.ts";

export interface CallOptions {
  /** Aborting rejects the call with the signal's reason at once and tells the runtime to stop the work. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the events of a streaming command, in order, before the call resolves. */
  readonly onEvent?: ((event: JsonObject) => void) | undefined;
}

export interface Transport {
  /** Runs one command. Rejects with LocaraError (CapabilityDenied when the manifest does not grant it). */
  call(cmd: Command, args: JsonObject, options?: CallOptions): Promise<Json>;
  /** Ends the connection; calls in flight reject with code `transport_closed`. Safe to call twice. */
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: Json) => void;
  readonly reject: (reason: unknown) => void;
  readonly onEvent: ((event: JsonObject) => void) | undefined;
  readonly release: () => void;
}

/** Matches replies and events to calls by id. Ids are used once, so a late reply to an aborted call is ignored. */
export class CallTable {
  readonly #send: (frame: JsonObject) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed: LocaraError | undefined;

  constructor(send: (frame: JsonObject) => void) {
    this.#send = send;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  call(cmd: string, args: JsonObject, options: CallOptions = {}): Promise<Json> {
    const { signal, onEvent } = options;
    if (this.#closed) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise<Json>((resolve, reject) => {
      const abort = (): void => this.#abort(id, signal);
      const release = (): void => signal?.removeEventListener("abort", abort);
      signal?.addEventListener("abort", abort, { once: true });
      this.#pending.set(id, { resolve, reject, onEvent, release });
      try {
        this.#send({ id, cmd, args });
      } catch (error) {
        this.#take(id)?.reject(error);
      }
    });
  }

  /** Takes one frame from the runtime. Frames for calls that are no longer awaited are dropped. */
  receive(frame: JsonObject): void {
    const id = frame["id"];
    if (typeof id !== "number") {
      // The runtime answers without an id only when it could not read what was sent: no call can be trusted to end.
      if (frame["ok"] === false) this.close(errorFromReply(frame["error"]));
      return;
    }
    if (isObject(frame["event"])) {
      this.#deliver(id, frame["event"]);
      return;
    }
    const call = this.#take(id);
    if (!call) return;
    if (frame["ok"] === true) call.resolve(frame["result"] ?? null);
    else call.reject(errorFromReply(frame["error"]));
  }

  /** Rejects everything in flight and every later call. */
  close(error: LocaraError): void {
    this.#closed ??= error;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #deliver(id: number, event: JsonObject): void {
    const call = this.#pending.get(id);
    if (!call?.onEvent) return;
    try {
      call.onEvent(event);
    } catch (error) {
      this.#cancel(id);
      this.#take(id)?.reject(error);
    }
  }

  #abort(id: number, signal: AbortSignal | undefined): void {
    const call = this.#take(id);
    if (!call) return;
    this.#cancel(id);
    call.reject(signal?.reason);
  }

  #cancel(id: number): void {
    try {
      this.#send({ cancel: id });
    } catch {
      // The connection is already gone, and the work with it.
    }
  }

  #take(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    if (!call) return undefined;
    this.#pending.delete(id);
    call.release();
    return call;
  }
}
