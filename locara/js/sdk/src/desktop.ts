/** The person's desktop: clipboard, notifications, their browser, and going on without a window. */

import type { Transport } from "./transport.ts";

export interface Clipboard {
  /** The text on the clipboard, empty when there is none. Needs `"clipboard": {"read": true}`. */
  read(): Promise<string>;
  /** Puts text on the clipboard, at most 1 MiB. Needs `"clipboard": {"write": true}`. */
  write(text: string): Promise<void>;
}

export interface Notification {
  readonly title: string;
  /** Plain text; what looks like markup is shown as it is. */
  readonly body?: string;
  /** Sounds as well. Needs the mode `sound`. */
  readonly sound?: boolean;
}

export interface Notify {
  /** Shows a notification. Needs the mode `alert`. At most ten calls of this module in a minute. */
  show(notification: Notification): Promise<void>;
  /** Puts a count on the app's icon, 0 to take it away. Needs the mode `badge`. */
  badge(count: number): Promise<void>;
  /** Plays the sound of a notification. Needs the mode `sound`. */
  sound(): Promise<void>;
}

export interface Shell {
  /** Opens an https page in the person's browser. Needs its host in `open-external`. */
  openExternal(url: string): Promise<void>;
}

export interface BackgroundStatus {
  readonly mode: "none" | "passive" | "active";
  readonly granted: "passive" | "active";
  readonly window: "open" | "closed";
}

export interface Background {
  /** When the window is closed: `passive` finishes what runs, `active` goes on. The person is told. */
  begin(mode: "passive" | "active"): Promise<void>;
  /** The app ends with its window again. */
  end(): Promise<void>;
  status(): Promise<BackgroundStatus>;
}

export function createClipboard(transport: Transport): Clipboard {
  return {
    async read() {
      return ((await transport.call("clipboard.read", {})) as { text: string }).text;
    },
    async write(text) {
      await transport.call("clipboard.write", { text });
    },
  };
}

export function createNotify(transport: Transport): Notify {
  return {
    async show({ title, body = "", sound = false }) {
      await transport.call("notify.show", { modes: sound ? ["alert", "sound"] : ["alert"], title, body });
    },
    async badge(count) {
      await transport.call("notify.show", { modes: ["badge"], badge: count });
    },
    async sound() {
      await transport.call("notify.show", { modes: ["sound"] });
    },
  };
}

export function createShell(transport: Transport): Shell {
  return {
    async openExternal(url) {
      await transport.call("shell.openExternal", { url });
    },
  };
}

export function createBackground(transport: Transport): Background {
  return {
    async begin(mode) {
      await transport.call("background.begin", { mode });
    },
    async end() {
      await transport.call("background.end", {});
    },
    async status() {
      return (await transport.call("background.status", {})) as unknown as BackgroundStatus;
    },
  };
}
