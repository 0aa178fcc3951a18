/** Chooses one of the models that the manifest pins. A native radio group: arrow keys work everywhere. */

import { useId, type ReactNode } from "react";

import { bytes, cn, Icon } from "./lib";

export interface PickableModel {
  readonly id: string;
  /** What the model is good for, in a few words. */
  readonly about?: string;
  /** Bytes, where they are known. */
  readonly size?: number | null;
  /** Whether it is on this machine. */
  readonly ready: boolean;
}

export interface ModelPickerProps {
  readonly models: readonly PickableModel[];
  readonly chosen: string | undefined;
  readonly onChoose: (id: string) => void;
  readonly label?: string;
  readonly className?: string;
}

export function ModelPicker({ models, chosen, onChoose, label = "Model", className }: ModelPickerProps): ReactNode {
  const name = useId();
  return (
    <fieldset className={cn("flex flex-col gap-2", className)}>
      <legend className="mb-2 text-sm font-medium text-foreground">{label}</legend>
      {models.map(({ id, about, size, ready }) => (
        <label
          key={id}
          className={cn(
            "flex cursor-pointer items-center gap-3 rounded-lg border border-border bg-card px-3.5 py-3 text-card-foreground transition-colors motion-reduce:transition-none",
            "hover:bg-accent has-checked:border-primary has-checked:ring-1 has-checked:ring-primary has-focus-visible:ring-2 has-focus-visible:ring-ring",
          )}
        >
          <input
            type="radio"
            name={name}
            value={id}
            checked={id === chosen}
            onChange={() => onChoose(id)}
            className="size-4 shrink-0 accent-primary outline-none"
          />
          <span className="min-w-0 flex-1">
            <span className="block truncate text-sm font-medium">{id}</span>
            {about && <span className="block text-xs leading-5 text-muted-foreground">{about}</span>}
          </span>
          <span className="flex shrink-0 items-center gap-1.5 text-xs text-muted-foreground tabular-nums">
            {size != null && bytes(size)}
            <Icon name={ready ? "check" : "download"} className={cn("size-3.5", ready && "text-emerald-700 dark:text-emerald-400")} />
            <span className="sr-only">{ready ? "on this machine" : "has to be fetched first"}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
