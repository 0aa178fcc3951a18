/** One turn of a conversation. */

import { useState, type ReactNode } from "react";

import { button, cn, copy, Icon } from "./lib";
import { StreamingText } from "./streaming-text";

export interface MessageProps {
  readonly from: "person" | "model";
  /** Who speaks, for everybody who cannot see the side it stands on. */
  readonly name: string;
  readonly text: string;
  readonly streaming?: boolean;
  /** Shown below the text: citations, a notice. */
  readonly children?: ReactNode;
  readonly className?: string;
}

export function Message({ from, name, text, streaming = false, children, className }: MessageProps): ReactNode {
  const [copied, setCopied] = useState(false);
  const own = from === "person";
  return (
    <article aria-label={name} className={cn("group flex w-full gap-3", own && "flex-row-reverse", className)}>
      <span
        aria-hidden="true"
        className={cn(
          "mt-0.5 grid size-7 shrink-0 place-items-center rounded-full border border-border",
          own ? "bg-secondary text-secondary-foreground" : "bg-primary text-primary-foreground",
        )}
      >
        <Icon name={own ? "user" : "spark"} className="size-3.5" />
      </span>
      <div className={cn("flex min-w-0 flex-col gap-2", own ? "max-w-[80%] items-end" : "flex-1")}>
        <div className={own ? "rounded-2xl rounded-tr-sm bg-secondary px-3.5 py-2 text-secondary-foreground" : "pt-1"}>
          <StreamingText text={text} streaming={streaming} />
        </div>
        {children}
        {!own && !streaming && text !== "" && (
          <button
            type="button"
            className={cn(button("quiet", "small"), "-ml-2 self-start text-muted-foreground")}
            onClick={() => void copy(text).then(setCopied)}
          >
            <Icon name={copied ? "check" : "copy"} className="size-3.5" />
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </div>
    </article>
  );
}
