/** NodeTransport: starts a headless runtime as a child process and talks frames over its stdin and stdout. */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { LocaraError } from "./errors.ts";
import { encodeFrame, FrameDecoder } from "./frames.ts";
import type { Json, JsonObject } from "./json.ts";
import { CallTable, type CallOptions, type Transport } from "./transport.ts";

export interface NodeTransportOptions {
  /** Program and arguments, for example `["python", "-m", "locara", "run", "--headless", "apps/docvault"]`. */
  readonly command: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds to wait for the runtime to end by itself after its stdin is closed. */
  readonly graceMs?: number;
}

const STDERR_KEPT = 16 * 1024;

export class NodeTransport implements Transport {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #calls: CallTable;
  readonly #decoder = new FrameDecoder();
  readonly #ended: Promise<void>;
  readonly #graceMs: number;
  #stderr = "";

  constructor(options: NodeTransportOptions) {
    const [program, ...args] = options.command;
    this.#graceMs = options.graceMs ?? 5_000;
    this.#child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    this.#calls = new CallTable((frame) => void this.#child.stdin.write(encodeFrame(frame)));
    this.#child.stdout.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    // A write to a runtime that has just ended is answered by its exit below, with a better message than EPIPE.
    this.#child.stdin.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#calls.close(new LocaraError("transport_closed", `the runtime did not start: ${error.message}`));
        resolve();
      });
      this.#child.once("close", (code, signal) => {
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        const said = this.#stderr.trim();
        this.#calls.close(new LocaraError("transport_closed", `the runtime ended with ${how}${said && `: ${said}`}`));
        resolve();
      });
    });
  }

  /** What the runtime wrote to stderr so far (the last 16 KiB). */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  call(cmd: string, args: JsonObject, options?: CallOptions): Promise<Json> {
    return this.#calls.call(cmd, args, options);
  }

  async close(): Promise<void> {
    this.#calls.close(new LocaraError("transport_closed", "the connection was closed"));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #take(bytes: Buffer): void {
    try {
      for (const frame of this.#decoder.push(bytes)) this.#calls.receive(frame);
    } catch (error) {
      this.#calls.close(error instanceof LocaraError ? error : new LocaraError("bad_frame", String(error)));
      this.#child.kill("SIGKILL");
    }
  }
}
