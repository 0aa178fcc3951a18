/** Where a person writes. Enter sends, Shift+Enter begins a line, Escape stops the answer. */

import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import { button, cn, Icon } from "./lib";

export interface PromptInputProps {
  readonly label?: string;
  readonly placeholder?: string;
  /** An answer is being written: the button stops it. */
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly onSend: (text: string) => void;
  readonly onStop?: () => void;
  /** Stands beside the button: a model picker, a file button. */
  readonly children?: ReactNode;
  readonly className?: string;
}

export function PromptInput(props: PromptInputProps): ReactNode {
  const { label = "Your message", placeholder, busy = false, disabled = false, onSend, onStop, children, className } = props;
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const hint = useId();

  useLayoutEffect(() => {
    if (!area.current) return;
    area.current.style.height = "auto";
    area.current.style.height = `${Math.min(area.current.scrollHeight, 200)}px`;
  }, [text]);

  const send = (): void => {
    if (busy || disabled || text.trim() === "") return;
    onSend(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && busy) onStop?.();
    // While a character is composed, Enter chooses it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className={cn(
        "rounded-xl border border-input bg-background shadow-xs transition-shadow focus-within:ring-2 focus-within:ring-ring motion-reduce:transition-none",
        className,
      )}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={area}
        rows={1}
        value={text}
        disabled={disabled}
        aria-label={label}
        aria-describedby={hint}
        placeholder={placeholder}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        className="block w-full resize-none bg-transparent px-4 pt-3.5 pb-1 text-sm leading-6 text-foreground outline-none placeholder:text-muted-foreground disabled:opacity-60"
      />
      <div className="flex items-center gap-2 px-2.5 pb-2.5">
        {children}
        <span id={hint} className="ml-1.5 hidden text-xs text-muted-foreground sm:inline">
          Enter sends, Shift+Enter begins a line
        </span>
        {busy ? (
          <button type="button" className={cn(button("secondary", "round"), "ml-auto")} onClick={onStop} aria-label="Stop the answer">
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            className={cn(button("primary", "round"), "ml-auto")}
            disabled={disabled || text.trim() === ""}
            aria-label="Send"
          >
            <Icon name="arrowUp" />
          </button>
        )}
      </div>
    </form>
  );
}
