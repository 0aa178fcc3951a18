/** Facts about this app and its runtime. Always available; no capability behind them. */

import type { Transport } from "./transport.ts";

export interface ModelInfo {
  readonly id: string;
  readonly digest: string;
  /** Bytes on disk, or null when the model is not in the cache. */
  readonly size: number | null;
}

export interface AppInfo {
  readonly id: string;
  readonly version: string;
  readonly displayName: string;
  /** Version of the Locara runtime. */
  readonly locara: string;
  readonly platform: string;
  /** What the manifest grants: capability to the line that declares it. What is absent is not granted. */
  readonly capabilities: Readonly<Record<string, string>>;
  readonly models: readonly ModelInfo[];
}

export interface App {
  info(): Promise<AppInfo>;
  /** The commands this app's manifest opens, sorted. */
  commands(): Promise<readonly string[]>;
}

export function createApp(transport: Transport): App {
  return {
    info: async () => (await transport.call("app.info", {})) as unknown as AppInfo,
    commands: async () =>
      ((await transport.call("app.commands", {})) as unknown as { commands: readonly string[] }).commands,
  };
}
