/** A model on its way to this machine: how far it is, and the ways to hold it. */

import { useId, type ReactNode } from "react";

import { button, bytes, clock, cn, Icon } from "./lib";

export interface ModelDownloadProps {
  readonly model: string;
  /** Bytes that are here, and bytes in all. */
  readonly done: number;
  readonly total: number;
  readonly state: "waiting" | "running" | "paused" | "checking" | "ready" | "failed";
  /** Bytes a second, where it is known. */
  readonly rate?: number;
  /** What went wrong, when `state` is `failed`. */
  readonly problem?: string;
  readonly onPause?: () => void;
  readonly onResume?: () => void;
  readonly onCancel?: () => void;
  readonly className?: string;
}

const SAID = {
  waiting: "Waiting",
  running: "Downloading",
  paused: "Paused",
  checking: "Checking its digest",
  ready: "On this machine",
  failed: "Stopped",
} as const;

export function ModelDownload(props: ModelDownloadProps): ReactNode {
  const { model, done, total, state, rate, problem, onPause, onResume, onCancel, className } = props;
  const title = useId();
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const left = rate && state === "running" ? `, ${clock((total - done) / rate)} left` : "";
  const moving = state === "running" || state === "checking";
  return (
    <section aria-labelledby={title} className={cn("flex flex-col gap-3 rounded-lg border border-border bg-card p-4 text-card-foreground", className)}>
      <div className="flex items-start gap-3">
        <span className="grid size-9 shrink-0 place-items-center rounded-md bg-secondary text-secondary-foreground">
          <Icon name={state === "ready" ? "check" : state === "failed" ? "alert" : "chip"} />
        </span>
        <div className="min-w-0 flex-1">
          <h3 id={title} className="truncate text-sm font-medium">
            {model}
          </h3>
          <p role="status" className="text-xs leading-5 text-muted-foreground tabular-nums">
            {SAID[state]}
            {state !== "ready" && ` · ${bytes(done)} of ${bytes(total)}`}
            {state === "ready" && ` · ${bytes(total)}`}
            {left}
          </p>
        </div>
        {state === "running" && onPause && (
          <button type="button" className={button("quiet", "smallIcon")} onClick={onPause} aria-label={`Pause ${model}`}>
            <Icon name="pause" />
          </button>
        )}
        {(state === "paused" || state === "failed") && onResume && (
          <button type="button" className={button("quiet", "smallIcon")} onClick={onResume} aria-label={`Go on with ${model}`}>
            <Icon name={state === "failed" ? "refresh" : "play"} />
          </button>
        )}
        {state !== "ready" && onCancel && (
          <button type="button" className={button("quiet", "smallIcon")} onClick={onCancel} aria-label={`Cancel ${model}`}>
            <Icon name="close" />
          </button>
        )}
      </div>
      {state !== "ready" && (
        <div
          role="progressbar"
          aria-labelledby={title}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          className="h-1.5 overflow-hidden rounded-full bg-secondary"
        >
          <div
            className={cn(
              "h-full rounded-full transition-[width] motion-reduce:transition-none",
              state === "failed" ? "bg-destructive" : moving ? "bg-primary" : "bg-muted-foreground",
            )}
            style={{ width: `${share * 100}%` }}
          />
        </div>
      )}
      {state === "failed" && problem && (
        <p role="alert" className="text-xs leading-5 text-destructive">
          {problem}
        </p>
      )}
    </section>
  );
}
