/** Where an answer comes from: numbered sources, each a button that opens its place. */

import type { ReactNode } from "react";

import { cn, focusRing, Icon } from "./lib";

export interface Citation {
  readonly id: string | number;
  readonly title: string;
  /** The place inside the source: `page 3`, `02:14`. */
  readonly place?: string;
  /** The passage itself. */
  readonly quote?: string;
}

export interface CitationsProps {
  readonly citations: readonly Citation[];
  readonly onOpen: (citation: Citation) => void;
  readonly label?: string;
  readonly className?: string;
}

/** The number in the running text: `[2]`, as a button. */
export function CitationMark({ number, citation, onOpen }: { readonly number: number; readonly citation: Citation; readonly onOpen: CitationsProps["onOpen"] }): ReactNode {
  return (
    <button
      type="button"
      onClick={() => onOpen(citation)}
      aria-label={`Source ${number}: ${citation.title}${citation.place ? `, ${citation.place}` : ""}`}
      className={cn(
        "mx-0.5 inline-flex h-5 min-w-5 cursor-pointer items-center justify-center rounded-full border border-border bg-secondary px-1.5 align-text-top text-xs font-medium text-secondary-foreground tabular-nums hover:bg-accent",
        focusRing,
      )}
    >
      {number}
    </button>
  );
}

export function Citations({ citations, onOpen, label = "Sources", className }: CitationsProps): ReactNode {
  if (citations.length === 0) return null;
  return (
    <div role="group" aria-label={label} className={cn("flex flex-col gap-1.5", className)}>
      <p aria-hidden="true" className="text-xs font-medium text-muted-foreground">
        {label}
      </p>
      <ol className="grid grid-cols-1 gap-1.5 sm:grid-cols-2">
        {citations.map((citation, at) => (
          <li key={citation.id}>
            <button
              type="button"
              onClick={() => onOpen(citation)}
              className={cn(
                "flex h-full w-full cursor-pointer gap-2.5 rounded-lg border border-border bg-card p-2.5 text-left text-card-foreground transition-colors hover:bg-accent motion-reduce:transition-none",
                focusRing,
              )}
            >
              <span className="grid size-5 shrink-0 place-items-center rounded-full bg-secondary text-xs font-medium text-secondary-foreground tabular-nums">
                {at + 1}
              </span>
              <span className="min-w-0 flex-1">
                <span className="flex items-center gap-1.5 text-sm font-medium">
                  <span className="truncate">{citation.title}</span>
                  {citation.place && <span className="shrink-0 font-normal text-muted-foreground">{citation.place}</span>}
                </span>
                {citation.quote && <span className="mt-0.5 line-clamp-2 text-xs leading-5 text-muted-foreground">{citation.quote}</span>}
              </span>
              <Icon name="link" className="size-3.5 text-muted-foreground" />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}
