/** A conversation: its turns, and the place to write the next. It stays at its end while a person is there. */

import { useEffect, useRef, type ReactNode } from "react";

import { cn } from "./lib";
import { Message } from "./message";
import { PromptInput } from "./prompt-input";

export interface ChatTurn {
  readonly id: string | number;
  readonly from: "person" | "model";
  readonly text: string;
  readonly streaming?: boolean;
  /** Shown below the turn: citations, a notice. */
  readonly extra?: ReactNode;
}

export interface ChatProps {
  readonly turns: readonly ChatTurn[];
  readonly onSend: (text: string) => void;
  readonly onStop?: () => void;
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly label?: string;
  readonly placeholder?: string;
  readonly names?: { readonly person: string; readonly model: string };
  /** Shown while there are no turns. */
  readonly empty?: ReactNode;
  /** Stands in the input, beside its button. */
  readonly controls?: ReactNode;
  readonly className?: string;
}

const NEAR = 80;

export function Chat(props: ChatProps): ReactNode {
  const { turns, label = "Conversation", names = { person: "You", model: "Assistant" }, empty, controls, className } = props;
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  useEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [turns]);

  return (
    <section aria-label={label} className={cn("flex h-full min-h-0 flex-col gap-3", className)}>
      <div
        ref={list}
        role="log"
        aria-label={`${label}: messages`}
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
        }}
        className="min-h-0 flex-1 overflow-y-auto rounded-lg px-1 outline-none focus-visible:ring-2 focus-visible:ring-ring"
      >
        {turns.length === 0 ? (
          <div className="grid h-full place-items-center">{empty}</div>
        ) : (
          <div className="flex flex-col gap-5 py-2">
            {turns.map(({ id, from, text, streaming, extra }) => (
              <Message key={id} from={from} name={names[from]} text={text} streaming={streaming ?? false}>
                {extra}
              </Message>
            ))}
          </div>
        )}
      </div>
      <PromptInput
        onSend={props.onSend}
        onStop={props.onStop ?? (() => undefined)}
        busy={props.busy ?? false}
        disabled={props.disabled ?? false}
        placeholder={props.placeholder ?? "Ask something"}
      >
        {controls}
      </PromptInput>
    </section>
  );
}
