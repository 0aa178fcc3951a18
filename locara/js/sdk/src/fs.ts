/** Files: what the person picked, and the app's own data folder. Needs the matching `fs.*` capability. */

import { base64ToBytes, bytesToBase64 } from "./base64.ts";
import type { Command } from "./surface.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** The app's own folder. Other roots: `$DOCUMENTS` and its like when declared, or a handle of `pick`. */
export const APP_DATA = "$APP_DATA";
/** The root of a folder that the manifest shares with other apps. Denied while one of them does not declare it. */
export const sharedRoot = <Id extends string>(id: Id): `$SHARED/${Id}` => `$SHARED/${id}`;
/** Bytes asked for in one call when a file is read in slices. */
const SLICE = 4 * 1024 * 1024;

export interface Handle {
  readonly handle: string;
  readonly name: string;
  readonly kind: "file" | "directory";
  /** Bytes; 0 for a directory. */
  readonly size: number;
  /** For `reopen` in a later run; absent when the person did not let the app find it again. */
  readonly grant?: string;
}

/** Something the person picked before and lets the app find again until they take it back. */
export interface Remembered {
  readonly grant: string;
  readonly name: string;
  readonly kind: "file" | "directory";
  readonly access: "read" | "read-write";
  readonly recursive: boolean;
  /** Milliseconds since 1970. */
  readonly picked: number;
}

export interface Entry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
  /** Bytes; 0 for anything but a file. */
  readonly size: number;
}

export interface Listing {
  /** Sorted by name; not recursive. */
  readonly entries: readonly Entry[];
  /** True when the folder holds more than the runtime lists. */
  readonly truncated: boolean;
}

export interface Stat {
  readonly kind: "file" | "directory";
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

export interface PickRequest {
  readonly kind: "file" | "directory";
  readonly access: "read" | "read-write";
  readonly multiple?: boolean;
  /** A directory with all that lies in its directories; without it only its own files can be reached. */
  readonly recursive?: boolean;
  /** Ask that the app may find the pick again at later starts. The person may say no to that alone. */
  readonly remember?: boolean;
}

export interface ReadOptions extends Pick<CallOptions, "signal"> {
  /** Refuse a file larger than this many bytes before reading it to the end. */
  readonly maxBytes?: number;
}

/** Thrown by `readBytes` when a file is above `maxBytes`. */
export class FileTooLarge extends Error {
  override readonly name = "FileTooLarge";
  readonly size: number;

  constructor(size: number, limit: number) {
    super(`the file has ${size} bytes, above the limit of ${limit}`);
    this.size = size;
  }
}

export interface Fs {
  /** Opens the file picker. An empty list means the person cancelled. */
  pick(request: PickRequest): Promise<readonly Handle[]>;
  /**
   * What the person dropped on the window, for reading: call it on the page's `drop` event. The person is asked once
   * with the names. An empty list means they said no, or nothing was dropped. `recursive` as for `pick`.
   */
  dropped(options?: Pick<PickRequest, "recursive">): Promise<readonly Handle[]>;
  release(handle: string): Promise<void>;
  /** What was picked with `remember` and still stands, oldest first. */
  remembered(): Promise<readonly Remembered[]>;
  /** A new handle of it. Denied when the person took it back, or when something else is there now. */
  reopen(grant: string): Promise<Handle>;
  /** Gives it up, and with it every handle of it. False when there was none. */
  forget(grant: string): Promise<boolean>;
  /** The whole file. For a picked file `root` is its handle and `path` is "". */
  readBytes(root: string, path: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
  list(root: string, path: string): Promise<Listing>;
  stat(root: string, path: string): Promise<Stat>;
  /** `create` fails when the file exists; `replace` is atomic. */
  writeBytes(root: string, path: string, bytes: Uint8Array, mode: "create" | "replace" | "append"): Promise<void>;
  remove(root: string, path: string): Promise<void>;
  mkdir(root: string, path: string): Promise<void>;
}

interface Slice {
  readonly data: string;
  readonly size: number;
  readonly eof: boolean;
}

function join(parts: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function createFs(transport: Transport): Fs {
  const call = async <T>(cmd: Command, args: Parameters<Transport["call"]>[1], options?: CallOptions): Promise<T> =>
    (await transport.call(cmd, args, options)) as unknown as T;
  return {
    async pick(request) {
      return (await call<{ handles: readonly Handle[] }>("fs.pick", { ...request })).handles;
    },
    async dropped(options = {}) {
      return (await call<{ handles: readonly Handle[] }>("fs.dropped", { ...options })).handles;
    },
    async release(handle) {
      await call("fs.release", { handle });
    },
    async remembered() {
      return (await call<{ grants: readonly Remembered[] }>("fs.remembered", {})).grants;
    },
    reopen: (grant) => call<Handle>("fs.reopen", { grant }),
    async forget(grant) {
      return (await call<{ forgotten: boolean }>("fs.forget", { grant })).forgotten;
    },
    async readBytes(root, path, { signal, maxBytes = Infinity } = {}) {
      const parts: Uint8Array[] = [];
      let offset = 0;
      for (;;) {
        const args = { root, path, offset, length: SLICE, encoding: "base64" };
        const { data, size, eof } = await call<Slice>("fs.read", args, { signal });
        if (size > maxBytes) throw new FileTooLarge(size, maxBytes);
        const part = base64ToBytes(data);
        parts.push(part);
        offset += part.length;
        if (offset > maxBytes) throw new FileTooLarge(offset, maxBytes);
        if (eof || part.length === 0) return join(parts, offset);
      }
    },
    list: (root, path) => call<Listing>("fs.list", { root, path }),
    stat: (root, path) => call<Stat>("fs.stat", { root, path }),
    async writeBytes(root, path, bytes, mode) {
      // Above one slice the file grows by appends to its first part, so each frame stays small.
      let offset = 0;
      do {
        const data = bytesToBase64(bytes.subarray(offset, offset + SLICE));
        await call("fs.write", { root, path, data, encoding: "base64", mode: offset === 0 ? mode : "append" });
        offset += SLICE;
      } while (offset < bytes.length);
    },
    async remove(root, path) {
      await call("fs.remove", { root, path });
    },
    async mkdir(root, path) {
      await call("fs.mkdir", { root, path });
    },
  };
}
