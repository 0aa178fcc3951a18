/** What an app may and may not do, before a person agrees. Nothing is chosen in advance. */

import { useId, type ReactNode } from "react";

import { capabilityWords } from "./capability-badge";
import { button, bytes, cn, Icon } from "./lib";

export interface ConsentItem {
  readonly capability: string;
  /** The whole sentence: `read the files that you pick`. */
  readonly sentence: string;
  /** Why the app asks, in its author's words. */
  readonly reason?: string;
  /** True when this version asks for it and the one before did not. */
  readonly added?: boolean;
}

export interface ConsentSummaryProps {
  readonly app: string;
  readonly publisher: string;
  readonly may: readonly ConsentItem[];
  readonly mayNot: readonly string[];
  readonly models?: readonly { readonly id: string; readonly size: number }[];
  readonly onAgree: () => void;
  readonly onDecline: () => void;
  readonly className?: string;
}

export function ConsentSummary({ app, publisher, may, mayNot, models = [], onAgree, onDecline, className }: ConsentSummaryProps): ReactNode {
  const title = useId();
  return (
    <section
      aria-labelledby={title}
      className={cn("flex flex-col gap-5 rounded-xl border border-border bg-card p-6 text-card-foreground shadow-sm", className)}
    >
      <header className="flex items-center gap-3.5">
        <span className="grid size-11 shrink-0 place-items-center rounded-xl bg-primary text-primary-foreground">
          <Icon name="shield" className="size-5.5" />
        </span>
        <div>
          <h2 id={title} className="text-base font-semibold">
            {app} asks for this
          </h2>
          <p className="text-sm text-muted-foreground">by {publisher}</p>
        </div>
      </header>
      <div>
        <h3 className="mb-2 text-xs font-medium text-muted-foreground">It may</h3>
        <ul className="flex flex-col divide-y divide-border rounded-lg border border-border">
          {may.map(({ capability, sentence, reason, added }) => (
            <li key={`${capability} ${sentence}`} className="flex items-start gap-3 px-3.5 py-2.5 text-sm">
              <Icon name={capabilityWords(capability)[0]} className="mt-0.5 text-muted-foreground" />
              <span className="min-w-0 flex-1">
                {sentence}
                {reason && <span className="block text-xs leading-5 text-muted-foreground">{reason}</span>}
              </span>
              {added && (
                <span className="rounded-full bg-amber-100 px-2 py-0.5 text-xs font-medium text-amber-950 dark:bg-amber-400/15 dark:text-amber-100">new</span>
              )}
            </li>
          ))}
          {models.map(({ id, size }) => (
            <li key={id} className="flex items-start gap-3 px-3.5 py-2.5 text-sm">
              <Icon name="chip" className="mt-0.5 text-muted-foreground" />
              <span className="min-w-0 flex-1 break-words">run {id}</span>
              <span className="text-xs leading-5 text-muted-foreground tabular-nums">{bytes(size)}</span>
            </li>
          ))}
        </ul>
      </div>
      {mayNot.length > 0 && (
        <details className="group text-sm">
          <summary className="flex cursor-pointer list-none items-center gap-1.5 rounded text-xs font-medium text-muted-foreground outline-none focus-visible:ring-2 focus-visible:ring-ring">
            <Icon name="chevronRight" className="size-3.5 transition-transform group-open:rotate-90 motion-reduce:transition-none" />
            It may not ({mayNot.length})
          </summary>
          <ul className="mt-2 grid grid-cols-1 gap-1.5 sm:grid-cols-2">
            {mayNot.map((sentence) => (
              <li key={sentence} className="flex items-start gap-2 text-muted-foreground">
                <Icon name="close" className="mt-1 size-3.5" />
                {sentence}
              </li>
            ))}
          </ul>
        </details>
      )}
      <footer className="flex flex-wrap justify-end gap-2">
        <button type="button" className={button("secondary")} onClick={onDecline}>
          Do not start
        </button>
        <button type="button" className={button("primary")} onClick={onAgree}>
          Agree and start
        </button>
      </footer>
    </section>
  );
}
