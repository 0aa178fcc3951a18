/** Facts about this app and its runtime. Always available; no capability behind them. */

import type { Transport } from "./transport.ts";

export interface ModelInfo {
  readonly id: string;
  readonly digest: string;
  /** Bytes on disk, or null when the model is not in the cache. */
  readonly size: number | null;
}

/** The profile of the manifest that this machine's memory chose. */
export interface ProfileInfo {
  readonly name: "low" | "mid" | "high";
  /** False when the machine has less memory than the smallest profile asks for. */
  readonly fits: boolean;
  /** Ids of the models to use here: those of the profile, and those that belong to no profile. */
  readonly models: readonly string[];
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
  /** Null when the manifest has no profiles: every model is used then. */
  readonly profile: ProfileInfo | null;
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
