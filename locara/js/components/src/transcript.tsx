/** What was said, with times. A time jumps there; a text can be corrected in place. */

import { useState, type ReactNode } from "react";

import { button, clock, cn, focusRing, Icon } from "./lib";

export interface TranscriptSegment {
  readonly id: string | number;
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly speaker?: string;
}

export interface TranscriptProps {
  readonly segments: readonly TranscriptSegment[];
  /** Seconds: where the sound is now. */
  readonly time?: number;
  readonly onSeek?: (seconds: number) => void;
  readonly onEdit?: (segment: TranscriptSegment, text: string) => void;
  /** Speech is still being heard. */
  readonly live?: boolean;
  readonly label?: string;
  readonly className?: string;
}

function Line({ segment, onEdit }: { readonly segment: TranscriptSegment; readonly onEdit: TranscriptProps["onEdit"] }): ReactNode {
  const [draft, setDraft] = useState<string>();
  if (draft === undefined) {
    return (
      <div className="flex min-w-0 flex-1 items-start gap-1">
        <p className="min-w-0 flex-1 text-sm leading-6">{segment.text}</p>
        {onEdit && (
          <button
            type="button"
            className={cn(button("quiet", "smallIcon"), "text-muted-foreground opacity-0 group-focus-within:opacity-100 group-hover:opacity-100")}
            onClick={() => setDraft(segment.text)}
            aria-label={`Correct the text at ${clock(segment.start)}`}
          >
            <Icon name="pencil" className="size-3.5" />
          </button>
        )}
      </div>
    );
  }
  const keep = (): void => {
    if (draft.trim() !== "" && draft !== segment.text) onEdit?.(segment, draft.trim());
    setDraft(undefined);
  };
  return (
    <textarea
      autoFocus
      rows={2}
      value={draft}
      aria-label={`Text at ${clock(segment.start)}. Enter keeps it, Escape leaves it as it was`}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === "Escape") setDraft(undefined);
        if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
          event.preventDefault();
          keep();
        }
      }}
      className="min-w-0 flex-1 resize-y rounded-md border border-input bg-background px-2 py-1 text-sm leading-6 outline-none focus-visible:ring-2 focus-visible:ring-ring"
    />
  );
}

export function Transcript({ segments, time, onSeek, onEdit, live = false, label = "Transcript", className }: TranscriptProps): ReactNode {
  return (
    <ol aria-label={label} aria-live={live ? "polite" : "off"} className={cn("flex flex-col", className)}>
      {segments.map((segment) => {
        const now = time !== undefined && time >= segment.start && time < segment.end;
        return (
          <li
            key={segment.id}
            aria-current={now ? "true" : undefined}
            className={cn("group flex gap-3 rounded-lg border-l-2 px-3 py-1.5", now ? "border-primary bg-accent text-accent-foreground" : "border-transparent")}
          >
            <button
              type="button"
              disabled={!onSeek}
              onClick={() => onSeek?.(segment.start)}
              aria-label={`Play from ${clock(segment.start)}`}
              className={cn("mt-0.5 h-5 shrink-0 cursor-pointer rounded px-1 font-mono text-xs tabular-nums disabled:cursor-default", !now && "text-muted-foreground", onSeek && "hover:underline", focusRing)}
            >
              {clock(segment.start)}
            </button>
            <div className="flex min-w-0 flex-1 flex-col">
              {segment.speaker && <span className="text-xs leading-6 font-medium">{segment.speaker}</span>}
              <Line segment={segment} onEdit={onEdit} />
            </div>
          </li>
        );
      })}
      {live && (
        <li className="flex items-center gap-2 px-4 py-2 text-xs text-muted-foreground">
          <span aria-hidden="true" className="size-2 animate-pulse rounded-full bg-destructive motion-reduce:animate-none" />
          Listening
        </li>
      )}
    </ol>
  );
}
