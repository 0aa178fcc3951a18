/** A call that the manifest does not allow: what, why, and the line that would allow it. */

import { useState, type ReactNode } from "react";

import { button, cn, copy, Icon } from "./lib";

/** The parts of the SDK's `CapabilityDenied` that are shown. */
export interface Denied {
  readonly message: string;
  readonly capability: string;
  readonly because?: string;
  readonly fix?: string;
}

export interface DeniedNoticeProps {
  readonly denied: Denied;
  /** Show the line for the author of the app. Off: a person is told what and why. */
  readonly forAuthor?: boolean;
  readonly onClose?: () => void;
  readonly className?: string;
}

export function DeniedNotice({ denied, forAuthor = false, onClose, className }: DeniedNoticeProps): ReactNode {
  const [copied, setCopied] = useState(false);
  return (
    <div
      role="alert"
      className={cn(
        "flex gap-3 rounded-lg border border-amber-700/40 bg-amber-50 p-4 text-amber-950 dark:border-amber-400/30 dark:bg-amber-400/10 dark:text-amber-50",
        className,
      )}
    >
      <Icon name="lock" className="mt-0.5" />
      <div className="min-w-0 flex-1 text-sm">
        <p className="font-medium">{denied.message}</p>
        {denied.because && <p className="mt-0.5 leading-5 opacity-90">{denied.because}</p>}
        {forAuthor && denied.fix && (
          <div className="mt-3 flex flex-wrap items-center gap-2">
            <code className="min-w-0 rounded-md bg-amber-100 px-2 py-1 font-mono text-xs break-all dark:bg-amber-400/15">{denied.fix}</code>
            <button
              type="button"
              className={cn(button("quiet", "small"), "text-inherit hover:bg-amber-100 hover:text-inherit dark:hover:bg-amber-400/15")}
              onClick={() => void copy(denied.fix ?? "").then(setCopied)}
            >
              <Icon name={copied ? "check" : "copy"} className="size-3.5" />
              {copied ? "Copied" : "Copy the line for locara.json"}
            </button>
          </div>
        )}
      </div>
      {onClose && (
        <button
          type="button"
          className={cn(button("quiet", "smallIcon"), "-m-1 text-inherit hover:bg-amber-100 hover:text-inherit dark:hover:bg-amber-400/15")}
          onClick={onClose}
          aria-label="Close this notice"
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
