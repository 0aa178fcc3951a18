/** Catches what goes wrong while the page is drawn, says so, and offers to try again. */

import { Component, type ErrorInfo, type ReactNode } from "react";

import { button, cn, Icon } from "./lib";

export interface ErrorBoundaryProps {
  readonly children: ReactNode;
  /** Told once for each error: for the app's own log. Nothing leaves the machine by itself. */
  readonly onError?: (error: unknown, info: ErrorInfo) => void;
  readonly title?: string;
  readonly className?: string;
}

interface State {
  readonly problem: string | undefined;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, State> {
  override state: State = { problem: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    this.props.onError?.(error, info);
  }

  override render(): ReactNode {
    const { problem } = this.state;
    if (problem === undefined) return this.props.children;
    return (
      <div
        role="alert"
        className={cn("flex flex-col items-center gap-3 rounded-lg border border-border bg-card px-6 py-9 text-center text-card-foreground", this.props.className)}
      >
        <span className="grid size-11 place-items-center rounded-full bg-destructive/10 text-destructive">
          <Icon name="alert" className="size-5" />
        </span>
        <div className="max-w-md">
          <p className="text-sm font-semibold">{this.props.title ?? "This part of the page stopped working"}</p>
          <p className="mt-1 text-xs leading-5 break-words text-muted-foreground">{problem}</p>
        </div>
        <button type="button" className={button("secondary")} onClick={() => this.setState({ problem: undefined })}>
          <Icon name="refresh" />
          Try again
        </button>
      </div>
    );
  }
}
