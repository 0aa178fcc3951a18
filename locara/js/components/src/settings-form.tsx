/** Settings out of a list of fields. Each change is told at once; there is no button to forget. */

import { useId, type ReactNode } from "react";

import { cn, focusRing } from "./lib";

interface Base {
  readonly key: string;
  readonly label: string;
  readonly about?: string;
}
export type SettingField =
  | (Base & { readonly kind: "text"; readonly placeholder?: string })
  | (Base & { readonly kind: "number"; readonly min?: number; readonly max?: number; readonly step?: number })
  | (Base & { readonly kind: "switch" })
  | (Base & { readonly kind: "choice"; readonly options: readonly { readonly value: string; readonly label: string }[] });
export type SettingValue = string | number | boolean;

export interface SettingsFormProps {
  readonly fields: readonly SettingField[];
  readonly values: Readonly<Record<string, SettingValue | undefined>>;
  readonly onChange: (key: string, value: SettingValue) => void;
  readonly label?: string;
  readonly className?: string;
}

const BOX = "h-9 w-full rounded-md border border-input bg-background px-3 text-sm text-foreground placeholder:text-muted-foreground sm:w-52";

interface ControlProps {
  readonly field: SettingField;
  readonly id: string;
  readonly value: SettingValue | undefined;
  readonly onChange: (value: SettingValue) => void;
}

function Control({ field, id, value, onChange }: ControlProps): ReactNode {
  const common = { id, className: cn(BOX, focusRing), ...(field.about ? { "aria-describedby": `${id}-about` } : {}) };
  switch (field.kind) {
    case "text":
      return <input type="text" {...common} placeholder={field.placeholder} value={String(value ?? "")} onChange={(event) => onChange(event.target.value)} />;
    case "number":
      return (
        <input
          type="number"
          {...common}
          min={field.min}
          max={field.max}
          step={field.step}
          value={Number(value ?? field.min ?? 0)}
          onChange={(event) => Number.isFinite(event.target.valueAsNumber) && onChange(event.target.valueAsNumber)}
        />
      );
    case "choice":
      return (
        <select {...common} value={String(value ?? field.options[0]?.value ?? "")} onChange={(event) => onChange(event.target.value)}>
          {field.options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      );
    case "switch":
      return (
        <button
          type="button"
          role="switch"
          id={id}
          aria-checked={value === true}
          aria-labelledby={`${id}-label`}
          {...(field.about ? { "aria-describedby": `${id}-about` } : {})}
          onClick={() => onChange(value !== true)}
          className={cn(
            "inline-flex h-6 w-11 shrink-0 cursor-pointer items-center rounded-full border-2 border-transparent transition-colors motion-reduce:transition-none",
            value === true ? "bg-primary" : "bg-muted-foreground/50",
            focusRing,
          )}
        >
          <span aria-hidden="true" className={cn("size-5 rounded-full bg-background shadow-sm transition-transform motion-reduce:transition-none", value === true && "translate-x-5")} />
        </button>
      );
  }
}

export function SettingsForm({ fields, values, onChange, label = "Settings", className }: SettingsFormProps): ReactNode {
  const form = useId();
  return (
    <form aria-label={label} onSubmit={(event) => event.preventDefault()} className={cn("flex flex-col divide-y divide-border rounded-lg border border-border bg-card text-card-foreground", className)}>
      {fields.map((field) => {
        const id = `${form}-${field.key}`;
        return (
          <div key={field.key} className={cn("flex gap-x-6 gap-y-2 px-4 py-3.5", field.kind === "switch" ? "items-center" : "flex-col sm:flex-row sm:items-center")}>
            <div className="min-w-0 flex-1">
              <label id={`${id}-label`} htmlFor={id} className="text-sm font-medium">
                {field.label}
              </label>
              {field.about && (
                <p id={`${id}-about`} className="text-xs leading-5 text-muted-foreground">
                  {field.about}
                </p>
              )}
            </div>
            <Control field={field} id={id} value={values[field.key]} onChange={(value) => onChange(field.key, value)} />
          </div>
        );
      })}
    </form>
  );
}
