/** A text that grows while a model writes it. Screen readers are told the whole once it is complete. */

import type { ReactNode } from "react";

import { cn } from "./lib";

export interface StreamingTextProps {
  readonly text: string;
  /** Whether more is to come. */
  readonly streaming?: boolean;
  readonly className?: string;
}

export function StreamingText({ text, streaming = false, className }: StreamingTextProps): ReactNode {
  return (
    <div className={cn("text-sm leading-6 whitespace-pre-wrap break-words", className)} aria-live="polite" aria-busy={streaming}>
      {text}
      {streaming && (
        <>
          <span
            aria-hidden="true"
            className="ml-0.5 inline-block h-[1.1em] w-[0.5ch] translate-y-[0.2em] animate-pulse rounded-[1px] bg-primary motion-reduce:animate-none"
          />
          <span className="sr-only">The answer is being written</span>
        </>
      )}
    </div>
  );
}
