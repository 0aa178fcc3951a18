/** What the components share: class names, buttons, icons, and the way numbers are shown. */

import type { ReactNode } from "react";

/** Joins class names; what is false, null or undefined is left out. */
export function cn(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}

/** The ring that shows where the keyboard is. */
export const focusRing =
  "outline-none focus-visible:ring-2 focus-visible:ring-ring focus-visible:ring-offset-2 focus-visible:ring-offset-background";

const BUTTONS = {
  primary: "bg-primary text-primary-foreground hover:bg-primary/90",
  secondary: "border border-border bg-background text-foreground hover:bg-accent hover:text-accent-foreground",
  quiet: "text-foreground hover:bg-accent hover:text-accent-foreground",
  danger: "bg-destructive text-white hover:bg-destructive/90 dark:text-background",
} as const;
const SIZES = {
  normal: "h-9 gap-2 rounded-md px-3.5 text-sm",
  small: "h-7 gap-1.5 rounded-md px-2.5 text-xs",
  icon: "size-9 rounded-md",
  smallIcon: "size-7 rounded-md",
  round: "size-9 rounded-full",
} as const;

/** The classes of a button. */
export function button(look: keyof typeof BUTTONS = "secondary", size: keyof typeof SIZES = "normal"): string {
  return cn(
    "inline-flex shrink-0 cursor-pointer items-center justify-center font-medium whitespace-nowrap",
    "transition-colors motion-reduce:transition-none disabled:pointer-events-none disabled:opacity-50 aria-disabled:pointer-events-none aria-disabled:opacity-50",
    focusRing,
    BUTTONS[look],
    SIZES[size],
  );
}

const PATHS = {
  arrowUp: "M12 19V5m-6 6 6-6 6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  chevronDown: "m6 9.5 6 6 6-6",
  chevronLeft: "m14.5 6-6 6 6 6",
  chevronRight: "m9.5 6 6 6-6 6",
  search: "M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14Zm5-2 4.5 4.5",
  file: "M7 3h7l4 4v14H6V3h1Zm7 0v4h4",
  folder: "M3 6h6l2 2.5h10V19H3z",
  upload: "M12 16V4m-5 5 5-5 5 5M4 15v5h16v-5",
  download: "M12 4v12m-5-5 5 5 5-5M4 16v4h16v-4",
  pause: "M8 6v12M16 6v12",
  play: "M8 5.5v13l10.5-6.5z",
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Zm-7 8a7 7 0 0 0 14 0M12 18v3",
  camera: "M4 7h3l1.5-2h7L17 7h3v12H4zm8 9a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
  globe: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18Zm-9-9h18M12 3c2.5 2.4 3.8 5.4 3.8 9s-1.3 6.6-3.8 9c-2.5-2.4-3.8-5.4-3.8-9S9.5 5.4 12 3Z",
  shield: "M12 3l8 3v6c0 4.5-3.2 7.7-8 9-4.8-1.3-8-4.5-8-9V6z",
  lock: "M6 11h12v9H6zm3 0V8a3 3 0 0 1 6 0v3",
  chip: "M7 7h10v10H7zM9.5 3v4m5-4v4m-5 10v4m5-4v4M3 9.500h4m-4 5h4m10-5h4m-4 5h4",
  clipboard: "M8 5H5v16h14V5h-3M8 3h8v4H8z",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.500h4",
  tool: "M14.5 6.500a4 4 0 0 1 5-1l-2.7 2.7 1.5 1.500L21 7a4 4 0 0 1-5.5 5L8 19.5 4.5 16 12 8.500a4 4 0 0 1 2.5-2Z",
  clock: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18Zm0-14v5l3.5 2",
  link: "M9 6h9v9M18 6 6 18",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  pencil: "M4 20l1-4L16 5l3 3L8 19z",
  alert: "M12 4 2.5 20h19zM12 10v4.500m0 2.500v.5",
  info: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18Zm0-10v6m0-9.500v.5",
  user: "M12 12a4 4 0 1 1 0-8 4 4 0 0 1 0 8Zm-7 8a7 7 0 0 1 14 0",
  spark: "M12 3l2.2 6.800L21 12l-6.8 2.200L12 21l-2.2-6.800L3 12l6.8-2.200z",
  refresh: "M19 6v5h-5M5 18v-5h5M18.5 11A7 7 0 0 0 6 8.500M5.5 13A7 7 0 0 0 18 15.5",
} as const;

export type IconName = keyof typeof PATHS;

/** A line icon of the size of the text. It says nothing to a screen reader: the words beside it do. */
export function Icon({ name, className }: { readonly name: IconName; readonly className?: string }): ReactNode {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 24 24"
      className={cn("size-4 shrink-0", className)}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Bytes for people: `12.3 MB`, in powers of 1000. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds as `m:ss`, or `h:mm:ss` from an hour on. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A text copied to the clipboard by the page itself, where the browser allows it. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
