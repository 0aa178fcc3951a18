/** What stands where there is nothing yet, and the first thing to do. */

import type { ReactNode } from "react";

import { cn, Icon, type IconName } from "./lib";

export interface EmptyStateProps {
  readonly icon?: IconName;
  readonly title: string;
  readonly about?: string;
  /** The first thing to do: a button. */
  readonly children?: ReactNode;
  readonly className?: string;
}

export function EmptyState({ icon = "spark", title, about, children, className }: EmptyStateProps): ReactNode {
  return (
    <div className={cn("flex flex-col items-center gap-3 px-6 py-10 text-center", className)}>
      <span className="grid size-12 place-items-center rounded-2xl bg-secondary text-secondary-foreground">
        <Icon name={icon} className="size-5.5" />
      </span>
      <div className="max-w-sm">
        <p className="text-base font-semibold text-foreground">{title}</p>
        {about && <p className="mt-1 text-sm leading-6 text-muted-foreground">{about}</p>}
      </div>
      {children}
    </div>
  );
}
