/** The decisions about an app, newest first: what it asked for, whether it was allowed, and why. */

import { useState, type ReactNode } from "react";

import { cn, focusRing, Icon } from "./lib";

/** An entry as `audit.capabilityLog` gives it. */
export interface AuditEntry {
  readonly seq: number;
  /** ISO 8601. */
  readonly time: string;
  readonly cmd: string;
  readonly capability: string;
  readonly allowed: boolean;
  readonly because: string;
}

export interface AuditLogTableProps {
  readonly entries: readonly AuditEntry[];
  readonly label?: string;
  readonly className?: string;
}

const SHOWN = { all: "All", denied: "Denied" } as const;

export function AuditLogTable({ entries, label = "Decisions", className }: AuditLogTableProps): ReactNode {
  const [shown, setShown] = useState<keyof typeof SHOWN>("all");
  const rows = [...entries].sort((one, other) => other.seq - one.seq).filter((entry) => shown === "all" || !entry.allowed);
  return (
    <section aria-label={label} className={cn("flex flex-col gap-3", className)}>
      <div role="group" aria-label="Which decisions" className="flex gap-1 self-start rounded-lg bg-secondary p-1">
        {(["all", "denied"] as const).map((key) => (
          <button
            key={key}
            type="button"
            aria-pressed={shown === key}
            onClick={() => setShown(key)}
            className={cn(
              "h-7 cursor-pointer rounded-md px-3 text-xs font-medium text-secondary-foreground aria-pressed:bg-background aria-pressed:text-foreground aria-pressed:shadow-xs",
              focusRing,
            )}
          >
            {SHOWN[key]}
          </button>
        ))}
      </div>
      <div tabIndex={0} role="region" aria-label={`${label}: table`} className="overflow-x-auto rounded-lg border border-border outline-none focus-visible:ring-2 focus-visible:ring-ring">
        <table className="w-full text-left text-sm">
          <thead>
            <tr className="border-b border-border text-xs text-muted-foreground">
              {["Time", "Command", "Decision", "Because"].map((head) => (
                <th key={head} scope="col" className="px-3.5 py-2.5 font-medium whitespace-nowrap">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-border">
            {rows.map((entry) => (
              <tr key={entry.seq}>
                <td className="px-3.5 py-2.5 text-xs whitespace-nowrap text-muted-foreground tabular-nums">
                  <time dateTime={entry.time}>{entry.time.slice(0, 19).replace("T", " ")}</time>
                </td>
                <td className="px-3.5 py-2.5 whitespace-nowrap">
                  <code className="font-mono text-xs">{entry.cmd}</code>
                </td>
                <td className="px-3.5 py-2.5 whitespace-nowrap">
                  <span className={cn("inline-flex items-center gap-1.5 align-middle text-xs font-medium", entry.allowed ? "text-emerald-700 dark:text-emerald-400" : "text-destructive")}>
                    <Icon name={entry.allowed ? "check" : "lock"} className="size-3.5" />
                    {entry.allowed ? "allowed" : "denied"}
                  </span>
                </td>
                <td className="min-w-60 px-3.5 py-2.5 text-xs leading-5 text-muted-foreground">{entry.because}</td>
              </tr>
            ))}
            {rows.length === 0 && (
              <tr>
                <td colSpan={4} className="px-3.5 py-8 text-center text-sm text-muted-foreground">
                  {shown === "denied" ? "Nothing was denied." : "Nothing was asked for yet."}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}
