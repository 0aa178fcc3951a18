/** Files and what becomes of each. */

import type { ReactNode } from "react";

import { button, bytes, cn, focusRing, Icon } from "./lib";

export interface ListedFile {
  readonly id: string | number;
  readonly name: string;
  readonly size?: number;
  readonly state: "waiting" | "working" | "ready" | "failed";
  /** 0 to 1, while it is worked on. */
  readonly progress?: number;
  /** A few words: `12 pages`, or what went wrong. */
  readonly note?: string;
}

export interface FileListProps {
  readonly files: readonly ListedFile[];
  readonly onOpen?: (file: ListedFile) => void;
  readonly onRemove?: (file: ListedFile) => void;
  readonly label?: string;
  readonly className?: string;
}

const SAID = { waiting: "waiting", working: "being read", ready: "ready", failed: "could not be read" } as const;

export function FileList({ files, onOpen, onRemove, label = "Files", className }: FileListProps): ReactNode {
  return (
    <ul aria-label={label} className={cn("flex flex-col divide-y divide-border overflow-hidden rounded-lg border border-border bg-card text-card-foreground", className)}>
      {files.map((file) => (
        <li key={file.id} className="flex items-center gap-3 px-3.5 py-2.5">
          <Icon
            name={file.state === "failed" ? "alert" : "file"}
            className={cn("text-muted-foreground", file.state === "failed" && "text-destructive")}
          />
          <div className="min-w-0 flex-1">
            {onOpen && file.state === "ready" ? (
              <button type="button" onClick={() => onOpen(file)} className={cn("block max-w-full cursor-pointer truncate rounded text-sm font-medium hover:underline", focusRing)}>
                {file.name}
              </button>
            ) : (
              <p className="truncate text-sm font-medium">{file.name}</p>
            )}
            <p className={cn("truncate text-xs leading-5", file.state === "failed" ? "text-destructive" : "text-muted-foreground")}>
              {[file.size === undefined ? "" : bytes(file.size), file.note ?? SAID[file.state]].filter(Boolean).join(" · ")}
            </p>
            {file.state === "working" && (
              <div
                role="progressbar"
                aria-label={`${file.name} is being read`}
                aria-valuemin={0}
                aria-valuemax={100}
                {...(file.progress === undefined ? {} : { "aria-valuenow": Math.round(file.progress * 100) })}
                className="mt-1 h-1 overflow-hidden rounded-full bg-secondary"
              >
                <div
                  className={cn("h-full rounded-full bg-primary", file.progress === undefined && "w-1/3 animate-pulse motion-reduce:animate-none")}
                  style={file.progress === undefined ? undefined : { width: `${file.progress * 100}%` }}
                />
              </div>
            )}
          </div>
          {file.state === "ready" && <Icon name="check" className="text-emerald-700 dark:text-emerald-400" />}
          {onRemove && (
            <button type="button" className={button("quiet", "smallIcon")} onClick={() => onRemove(file)} aria-label={`Remove ${file.name}`}>
              <Icon name="trash" />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
