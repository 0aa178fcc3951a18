/** The pages of a document as text, one at a time, with the cited passage marked and brought into view. */

import { useEffect, useRef, type ReactNode } from "react";

import { button, cn, Icon } from "./lib";

export interface DocumentViewerProps {
  readonly title: string;
  /** From 1. */
  readonly page: number;
  readonly pages: number;
  /** The text of this page, or a picture of it. */
  readonly children?: ReactNode;
  readonly text?: string;
  /** A passage of `text` to mark. */
  readonly marked?: string;
  readonly onPage: (page: number) => void;
  readonly onClose?: () => void;
  readonly className?: string;
}

export function DocumentViewer({ title, page, pages, text = "", marked = "", children, onPage, onClose, className }: DocumentViewerProps): ReactNode {
  const mark = useRef<HTMLElement>(null);
  const scroll = useRef<HTMLDivElement>(null);
  const at = marked === "" ? -1 : text.indexOf(marked);

  useEffect(() => {
    // Only the page itself scrolls, never what is around it.
    if (mark.current && scroll.current) scroll.current.scrollTop = mark.current.offsetTop - scroll.current.clientHeight / 3;
    else if (scroll.current) scroll.current.scrollTop = 0;
  }, [page, text, marked]);

  return (
    <section aria-label={title} className={cn("flex min-h-0 flex-col overflow-hidden rounded-lg border border-border bg-card text-card-foreground", className)}>
      <header className="flex items-center gap-1 border-b border-border py-1.5 pr-1.5 pl-3.5">
        <h2 className="min-w-0 flex-1 truncate text-sm font-medium">{title}</h2>
        <button type="button" className={button("quiet", "smallIcon")} disabled={page <= 1} onClick={() => onPage(page - 1)} aria-label="Page before">
          <Icon name="chevronLeft" />
        </button>
        <span role="status" className="min-w-14 text-center text-xs text-muted-foreground tabular-nums">
          <span className="sr-only">Page </span>
          {page} of {pages}
        </span>
        <button type="button" className={button("quiet", "smallIcon")} disabled={page >= pages} onClick={() => onPage(page + 1)} aria-label="Next page">
          <Icon name="chevronRight" />
        </button>
        {onClose && (
          <button type="button" className={button("quiet", "smallIcon")} onClick={onClose} aria-label={`Close ${title}`}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <div
        ref={scroll}
        role="document"
        tabIndex={0}
        aria-label={`Page ${page}`}
        onKeyDown={(event) => {
          if (event.key === "PageDown" && page < pages) onPage(page + 1);
          if (event.key === "PageUp" && page > 1) onPage(page - 1);
        }}
        className="relative min-h-0 flex-1 overflow-y-auto px-5 py-4 outline-none focus-visible:ring-2 focus-visible:ring-ring focus-visible:ring-inset"
      >
        {children ?? (
          <p className="mx-auto max-w-prose text-sm leading-6 whitespace-pre-wrap">
            {at < 0 ? (
              text
            ) : (
              <>
                {text.slice(0, at)}
                <mark ref={mark} className="rounded-sm bg-amber-200 px-0.5 text-amber-950 dark:bg-amber-300">
                  {marked}
                </mark>
                {text.slice(at + marked.length)}
              </>
            )}
          </p>
        )}
      </div>
    </section>
  );
}
