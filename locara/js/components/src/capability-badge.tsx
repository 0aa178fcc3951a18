/** One power of an app in a few words. */

import type { ReactNode } from "react";

import { cn, Icon, type IconName } from "./lib";

export interface CapabilityBadgeProps {
  /** A key of `capabilities` in locara.json, or `local` for an app without a network. */
  readonly capability: string;
  /** What it is limited to: a host, `read`. */
  readonly detail?: string;
  /** How it is meant: granted, refused by the manifest, or asked for now. */
  readonly state?: "granted" | "absent" | "asked";
  readonly className?: string;
}

const KNOWN: Readonly<Record<string, readonly [icon: IconName, words: string]>> = {
  local: ["lock", "Stays on this machine"],
  net: ["globe", "Network"],
  "fs.user-selected": ["file", "Files you pick"],
  "fs.app-data": ["folder", "Its own folder"],
  "fs.user-paths": ["folder", "Your folders"],
  "device.microphone": ["mic", "Microphone"],
  "device.camera": ["camera", "Camera"],
  "device.system-audio": ["mic", "Sound of other apps"],
  models: ["chip", "Local models"],
  tools: ["tool", "Tools"],
  "shared-folders": ["folder", "Shared folders"],
  clipboard: ["clipboard", "Clipboard"],
  notifications: ["bell", "Notifications"],
  background: ["clock", "Background"],
  "open-external": ["link", "Opens web pages"],
};

/** The icon and the words of a capability; one that is not known shows its own key. */
export function capabilityWords(capability: string): readonly [icon: IconName, words: string] {
  return KNOWN[capability] ?? ["shield", capability];
}

export function CapabilityBadge({ capability, detail, state = "granted", className }: CapabilityBadgeProps): ReactNode {
  const [icon, words] = capabilityWords(capability);
  return (
    <span
      className={cn(
        "inline-flex h-6 items-center gap-1.5 rounded-full border px-2.5 text-xs font-medium whitespace-nowrap",
        state === "granted" && "border-border bg-secondary text-secondary-foreground",
        state === "absent" && "border-dashed border-border text-muted-foreground",
        state === "asked" && "border-amber-700/50 bg-amber-100 text-amber-950 dark:border-amber-400/50 dark:bg-amber-400/15 dark:text-amber-100",
        className,
      )}
    >
      <Icon name={icon} className="size-3.5" />
      {state === "absent" && <span className="sr-only">Not allowed:</span>}
      <span className={cn(state === "absent" && "line-through")}>{words}</span>
      {detail && <span className="font-normal opacity-80">{detail}</span>}
    </span>
  );
}
