/** The app's own audit log: every decision the runtime took about it. */

import type { JsonObject } from "./json.ts";
import type { Transport } from "./transport.ts";

export interface LogEntry {
  readonly seq: number;
  /** ISO time, UTC. */
  readonly time: string;
  readonly app: string;
  readonly cmd: string;
  readonly capability: string;
  readonly request: JsonObject;
  readonly allowed: boolean;
  readonly because: string;
  /** Digest of the entry before, and of this one: the log is a chain. */
  readonly prev: string;
  readonly hash: string;
}

export interface Audit {
  /** The newest `limit` entries (the runtime's default when absent), oldest first. */
  capabilityLog(limit?: number): Promise<readonly LogEntry[]>;
}

export function createAudit(transport: Transport): Audit {
  return {
    async capabilityLog(limit) {
      const result = await transport.call("audit.capabilityLog", limit === undefined ? {} : { limit });
      return (result as unknown as { entries: readonly LogEntry[] }).entries;
    },
  };
}
