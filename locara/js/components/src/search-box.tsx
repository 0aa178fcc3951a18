/** Search with results below: arrow keys walk through them, Enter opens one, Escape clears. */

import { useId, useState, type KeyboardEvent, type ReactNode } from "react";

import { cn, Icon } from "./lib";

export interface SearchResult {
  readonly id: string | number;
  readonly title: string;
  readonly place?: string;
  readonly snippet?: string;
}

export interface SearchBoxProps {
  readonly query: string;
  readonly onQuery: (query: string) => void;
  /** Undefined while nothing was searched for. */
  readonly results?: readonly SearchResult[];
  readonly onOpen: (result: SearchResult) => void;
  readonly busy?: boolean;
  readonly label?: string;
  readonly className?: string;
}

export function SearchBox({ query, onQuery, results, onOpen, busy = false, label = "Search", className }: SearchBoxProps): ReactNode {
  const list = useId();
  const [at, setAt] = useState(-1);
  const shown = query !== "" && results !== undefined;
  const count = results?.length ?? 0;
  const active = shown ? results[at] : undefined;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") onQuery("");
    else if (event.key === "Enter" && active) onOpen(active);
    else if (event.key === "ArrowDown" && count > 0) setAt((at + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setAt((at <= 0 ? count : at) - 1);
    else return;
    event.preventDefault();
  };
  return (
    <div className={cn("flex flex-col gap-2", className)}>
      <div className="flex h-10 items-center gap-2.5 rounded-lg border border-input bg-background px-3.5 focus-within:ring-2 focus-within:ring-ring">
        <Icon name="search" className="text-muted-foreground" />
        <input
          type="text"
          role="combobox"
          autoComplete="off"
          aria-label={label}
          aria-expanded={shown && count > 0}
          aria-controls={list}
          aria-autocomplete="list"
          {...(active ? { "aria-activedescendant": `${list}-${at}` } : {})}
          placeholder={label}
          value={query}
          onChange={(event) => {
            setAt(-1);
            onQuery(event.target.value);
          }}
          onKeyDown={onKeyDown}
          className="h-full min-w-0 flex-1 bg-transparent text-sm text-foreground outline-none placeholder:text-muted-foreground"
        />
        {query !== "" && (
          <button type="button" onClick={() => onQuery("")} aria-label="Clear the search" className="cursor-pointer rounded p-0.5 text-muted-foreground outline-none hover:text-foreground focus-visible:ring-2 focus-visible:ring-ring">
            <Icon name="close" />
          </button>
        )}
      </div>
      <p role="status" className="sr-only">
        {busy ? "Searching" : shown ? `${count} results` : ""}
      </p>
      <ul id={list} role="listbox" aria-label={`${label}: results`} hidden={!shown || count === 0} className="flex flex-col overflow-hidden rounded-lg border border-border bg-popover p-1 text-popover-foreground shadow-sm">
        {shown &&
          results.map((result, index) => (
            <li
              key={result.id}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseMove={() => setAt(index)}
              onClick={() => onOpen(result)}
              className="cursor-pointer rounded-md px-3 py-2 aria-selected:bg-accent aria-selected:text-accent-foreground"
            >
              <p className="flex items-baseline gap-2 text-sm font-medium">
                <span className="truncate">{result.title}</span>
                {result.place && <span className="shrink-0 text-xs font-normal text-muted-foreground">{result.place}</span>}
              </p>
              {result.snippet && <p className="line-clamp-2 text-xs leading-5 text-muted-foreground">{result.snippet}</p>}
            </li>
          ))}
      </ul>
      {shown && count === 0 && !busy && <p className="px-1 text-sm text-muted-foreground">Nothing was found for “{query}”.</p>}
    </div>
  );
}
