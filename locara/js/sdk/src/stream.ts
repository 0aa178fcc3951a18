/** A call whose events are read with `for await`, and whose final result is a promise. */

import type { CallOptions } from "./transport.ts";

export interface Stream<Item, Result> extends AsyncIterable<Item> {
  /** Settles when the work is over. Aborting, or leaving the loop early, rejects it with the abort reason. */
  readonly result: Promise<Result>;
}

/**
 * Starts `run` at once and queues what it emits. Items arrive in order; an error ends the loop by being thrown.
 * Leaving the loop early (break, return, throw) cancels the work. A stream can be iterated once.
 */
export function createStream<Item, Result>(
  run: (emit: (item: Item) => void, signal: AbortSignal) => Promise<Result>,
  options: Pick<CallOptions, "signal"> = {},
): Stream<Item, Result> {
  const own = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
  const queue: Item[] = [];
  let wake: () => void = () => undefined;
  let done = false;
  const result = run((item) => {
    queue.push(item);
    wake();
  }, signal).finally(() => {
    done = true;
    wake();
  });
  // The loop rethrows the failure; a caller who only loops must not get an unhandled rejection on top.
  result.catch(() => undefined);

  async function* iterate(): AsyncGenerator<Item, void, undefined> {
    try {
      for (;;) {
        while (queue.length > 0) yield queue.shift() as Item;
        if (done) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await result;
    } finally {
      if (!done) own.abort(new DOMException("the stream was left before its end", "AbortError"));
    }
  }
  const items = iterate();
  return { result, [Symbol.asyncIterator]: () => items };
}
