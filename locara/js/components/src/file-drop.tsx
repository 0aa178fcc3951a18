/** A place for files: dropped on it, or picked with its button. */

import { useRef, useState, type DragEvent, type ReactNode } from "react";

import { button, cn, Icon } from "./lib";

export interface FileDropProps {
  /** Opens the file picker of the app (`fs.pick`). */
  readonly onPick: () => void;
  /** Files that were dropped on the page. Left out: only the button is offered. */
  readonly onFiles?: (files: readonly File[]) => void;
  readonly title?: string;
  /** What fits: `PDF, Markdown or text`. */
  readonly hint?: string;
  readonly disabled?: boolean;
  readonly className?: string;
}

export function FileDrop({ onPick, onFiles, title = "Drop files here", hint, disabled = false, className }: FileDropProps): ReactNode {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const enter = (event: DragEvent, by: 1 | -1): void => {
    if (!onFiles || disabled) return;
    event.preventDefault();
    depth.current = Math.max(0, depth.current + by);
    setOver(depth.current > 0);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const files = [...event.dataTransfer.files];
    if (files.length > 0 && !disabled) onFiles?.(files);
  };
  return (
    <div
      onDragEnter={(event) => enter(event, 1)}
      onDragLeave={(event) => enter(event, -1)}
      onDragOver={(event) => onFiles && event.preventDefault()}
      onDrop={drop}
      className={cn(
        "flex flex-col items-center justify-center gap-3 rounded-xl border-2 border-dashed px-6 py-9 text-center transition-colors motion-reduce:transition-none",
        over ? "border-primary bg-accent" : "border-border",
        className,
      )}
    >
      <span className="grid size-11 place-items-center rounded-full bg-secondary text-secondary-foreground">
        <Icon name="upload" className="size-5" />
      </span>
      <div>
        <p className="text-sm font-medium text-foreground">{onFiles ? title : "Add files"}</p>
        {hint && <p className="mt-0.5 text-xs leading-5 text-muted-foreground">{hint}</p>}
      </div>
      <button type="button" className={button("secondary")} onClick={onPick} disabled={disabled}>
        Choose files
      </button>
    </div>
  );
}
