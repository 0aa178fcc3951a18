/** Small values an app remembers. Always available; stored in the app's own database. */

import type { Json } from "./json.ts";
import type { Transport } from "./transport.ts";

export interface Settings {
  /** The stored value, or `fallback` when the key was never set. */
  get<T extends Json>(key: string, fallback: T, scope?: string): Promise<T>;
  set(key: string, value: Json, scope?: string): Promise<void>;
  getAll(scope?: string): Promise<Readonly<Record<string, Json>>>;
  delete(key: string, scope?: string): Promise<void>;
  /** Calls `listener` after each set or delete made through this object. Returns the function that ends it. */
  subscribe(listener: (key: string, value: Json | undefined) => void): () => void;
}

export function createSettings(transport: Transport): Settings {
  const listeners = new Set<(key: string, value: Json | undefined) => void>();
  const scoped = (scope: string | undefined): { scope?: string } => (scope === undefined ? {} : { scope });
  const tell = (key: string, value: Json | undefined): void => {
    for (const listener of [...listeners]) listener(key, value);
  };
  return {
    async get<T extends Json>(key: string, fallback: T, scope?: string): Promise<T> {
      const result = await transport.call("settings.get", { key, ...scoped(scope) });
      const { value, found } = result as unknown as { value: T; found: boolean };
      return found ? value : fallback;
    },
    async set(key, value, scope) {
      await transport.call("settings.set", { key, value, ...scoped(scope) });
      tell(key, value);
    },
    async getAll(scope) {
      const result = await transport.call("settings.getAll", scoped(scope));
      return (result as unknown as { settings: Record<string, Json> }).settings;
    },
    async delete(key, scope) {
      await transport.call("settings.delete", { key, ...scoped(scope) });
      tell(key, undefined);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
