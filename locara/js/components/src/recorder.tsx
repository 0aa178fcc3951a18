/** Records sound: one button, the time so far, and how loud it is. It says in words what it does. */

import type { ReactNode } from "react";

import { button, clock, cn, focusRing, Icon } from "./lib";

export interface RecorderProps {
  readonly state: "idle" | "recording" | "paused" | "saving";
  /** Seconds so far. */
  readonly seconds: number;
  /** Loudness now, 0 to 1. */
  readonly level?: number;
  readonly onStart: () => void;
  readonly onStop: () => void;
  readonly onPause?: () => void;
  readonly onResume?: () => void;
  readonly disabled?: boolean;
  readonly className?: string;
}

const SAID = { idle: "Ready to record", recording: "Recording", paused: "Paused", saving: "Saving" } as const;
const BARS = 24;

export function Recorder(props: RecorderProps): ReactNode {
  const { state, seconds, level = 0, onStart, onStop, onPause, onResume, disabled = false, className } = props;
  const running = state === "recording" || state === "paused";
  return (
    <div role="group" aria-label="Recorder" className={cn("flex items-center gap-4 rounded-xl border border-border bg-card p-4 text-card-foreground", className)}>
      <button
        type="button"
        onClick={running ? onStop : onStart}
        disabled={disabled || state === "saving"}
        aria-label={running ? "Stop recording" : "Start recording"}
        className={cn(
          "grid size-12 shrink-0 cursor-pointer place-items-center rounded-full bg-destructive text-white transition-colors hover:bg-destructive/90 dark:text-background disabled:cursor-default disabled:opacity-50 motion-reduce:transition-none",
          focusRing,
        )}
      >
        {running ? <span className="size-4 rounded-[3px] bg-current" /> : <Icon name="mic" className="size-5" />}
      </button>
      <div className="min-w-24">
        <p role="status" className="flex items-center gap-2 text-sm font-medium">
          {state === "recording" && <span aria-hidden="true" className="size-2 animate-pulse rounded-full bg-destructive motion-reduce:animate-none" />}
          {SAID[state]}
        </p>
        <p role="timer" aria-live="off" className="font-mono text-xs leading-5 text-muted-foreground tabular-nums">
          {clock(seconds)}
        </p>
      </div>
      <div role="meter" aria-label="Loudness" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)} className="flex h-8 min-w-0 flex-1 items-center gap-0.5">
        {Array.from({ length: BARS }, (_, at) => (
          <span
            key={at}
            aria-hidden="true"
            className={cn("h-full max-h-5 flex-1 rounded-sm transition-colors motion-reduce:transition-none", state === "recording" && at < level * BARS ? "bg-primary" : "bg-secondary")}
          />
        ))}
      </div>
      {state === "recording" && onPause && (
        <button type="button" className={button("secondary", "icon")} onClick={onPause} aria-label="Pause">
          <Icon name="pause" />
        </button>
      )}
      {state === "paused" && onResume && (
        <button type="button" className={button("secondary", "icon")} onClick={onResume} aria-label="Go on">
          <Icon name="play" />
        </button>
      )}
    </div>
  );
}
