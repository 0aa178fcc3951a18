/** Small values an app remembers. Always available; stored in the app's own database. */

import type { Json, JsonObject } from "./json.ts";
import type { Transport } from "./transport.ts";

/** One change; `found` is false when the key was deleted. */
export interface SettingChange {
  readonly scope: string;
  readonly key: string;
  readonly found: boolean;
  readonly value: Json;
}

export interface SubscribeOptions {
  /** Whose changes are told; `["user"]` unless told. */
  readonly scopes?: readonly string[];
  /** So many changes came that they were dropped: read the settings anew. */
  readonly onMissed?: (count: number) => void;
  /** The subscription ended by an error, say because there are more than eight. */
  readonly onError?: (error: unknown) => void;
}

export interface Settings {
  /** The stored value, or `fallback` when the key was never set. */
  get<T extends Json>(key: string, fallback: T, scope?: string): Promise<T>;
  set(key: string, value: Json, scope?: string): Promise<void>;
  getAll(scope?: string): Promise<Readonly<Record<string, Json>>>;
  delete(key: string, scope?: string): Promise<void>;
  /** Calls `listener` after each change, whoever made it, in order. Returns the function that ends it. */
  subscribe(listener: (change: SettingChange) => void, options?: SubscribeOptions): () => void;
}

export function createSettings(transport: Transport): Settings {
  const scoped = (scope: string | undefined): { scope?: string } => (scope === undefined ? {} : { scope });
  return {
    async get<T extends Json>(key: string, fallback: T, scope?: string): Promise<T> {
      const result = await transport.call("settings.get", { key, ...scoped(scope) });
      const { value, found } = result as unknown as { value: T; found: boolean };
      return found ? value : fallback;
    },
    async set(key, value, scope) {
      await transport.call("settings.set", { key, value, ...scoped(scope) });
    },
    async getAll(scope) {
      const result = await transport.call("settings.getAll", scoped(scope));
      return (result as unknown as { settings: Record<string, Json> }).settings;
    },
    async delete(key, scope) {
      await transport.call("settings.delete", { key, ...scoped(scope) });
    },
    subscribe(listener, { scopes = ["user"], onMissed, onError } = {}) {
      const own = new AbortController();
      const onEvent = (event: JsonObject): void => {
        if (event["type"] === "changed") {
          const { scope, key, found, value } = event as unknown as SettingChange;
          listener({ scope, key, found, value });
        } else if (event["type"] === "missed") {
          onMissed?.(event["count"] as number);
        }
      };
      transport.call("settings.subscribe", { scopes: [...scopes] }, { signal: own.signal, onEvent }).catch((error) => {
        if (!own.signal.aborted) onError?.(error);
      });
      return () => own.abort();
    },
  };
}
