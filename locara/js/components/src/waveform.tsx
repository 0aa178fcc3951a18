/** Sound as bars, with a place in it that keys and pointer move. */

import { useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";

import { clock, cn, focusRing } from "./lib";

export interface WaveformProps {
  /** Loudness from 0 to 1, in order of time. */
  readonly peaks: readonly number[];
  /** Seconds in all, and now. */
  readonly duration: number;
  readonly time: number;
  readonly onSeek?: (seconds: number) => void;
  readonly label?: string;
  readonly className?: string;
}

const STEPS: Readonly<Record<string, number>> = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 30, PageDown: -30 };

export function Waveform({ peaks, duration, time, onSeek, label = "Position in the recording", className }: WaveformProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const share = duration > 0 ? Math.min(1, time / duration) : 0;
  const seek = (seconds: number): void => onSeek?.(Math.min(duration, Math.max(0, seconds)));
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step !== undefined) seek(time + step);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else return;
    event.preventDefault();
  };
  const onPointer = (event: PointerEvent): void => {
    const bounds = box.current?.getBoundingClientRect();
    if (!bounds || (event.type === "pointermove" && event.buttons !== 1)) return;
    seek(((event.clientX - bounds.left) / bounds.width) * duration);
  };
  return (
    <div className={cn("flex items-center gap-3", className)}>
      <span className="w-12 shrink-0 text-right font-mono text-xs text-muted-foreground tabular-nums">{clock(time)}</span>
      <div
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={Math.round(time)}
        aria-valuetext={`${clock(time)} of ${clock(duration)}`}
        aria-disabled={onSeek === undefined}
        onKeyDown={onKeyDown}
        onPointerDown={onPointer}
        onPointerMove={onPointer}
        className={cn("relative flex h-14 min-w-0 flex-1 touch-none items-center rounded-md sm:gap-px", onSeek && "cursor-pointer", focusRing)}
      >
        {peaks.map((peak, at) => (
          <span
            key={at}
            aria-hidden="true"
            className={cn("min-w-0 flex-1 rounded-full", (at + 0.5) / peaks.length <= share ? "bg-primary" : "bg-muted-foreground/40")}
            style={{ height: `${Math.max(6, Math.min(1, peak) * 100)}%` }}
          />
        ))}
      </div>
      <span className="w-12 shrink-0 font-mono text-xs text-muted-foreground tabular-nums">{clock(duration)}</span>
    </div>
  );
}
