/** Answering a question from the vault: one passage to the model, the citation from retrieval, refusal by score. */

import type { Locara } from "@locara/sdk";

import type { Models } from "./models.ts";
import type { Fit, Search } from "./search.ts";
import { foldWord, words } from "./text.ts";

export interface Citation {
  readonly document: number;
  readonly name: string;
  readonly page: number;
  readonly passage: number;
  readonly heading: string;
  /** The sentence the answer rests on, word for word. */
  readonly quote: string;
}

/**
 * `answer`: the model's words, each of which stands in the passage or the question.
 * `quote`: a passage fits, but what the model said does not hold to it, so the passage speaks for itself.
 * `refusal`: nothing in the vault fits the question well enough.
 */
export interface Answer {
  readonly kind: "answer" | "quote" | "refusal";
  readonly text: string;
  readonly citation: Citation | null;
  /** How well the best sentence fits the question, 0 to 1. */
  readonly score: number;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  /** Receives the model's words as they come. They may still be withdrawn in favour of the quote. */
  readonly onText?: (piece: string) => void;
}

export const REFUSAL = "I could not find that in your documents.";
/** Below this fit a question is not answered. Set by the questions in the tests: see the README. */
export const THRESHOLD = 0.76;
const MAX_TOKENS = 96;
const MAX_QUESTION = 500;

export class Answerer {
  readonly #locara: Pick<Locara, "llm">;
  readonly #search: Search;
  readonly #models: Models;

  constructor(locara: Pick<Locara, "llm">, search: Search, models: Models) {
    this.#locara = locara;
    this.#search = search;
    this.#models = models;
  }

  async ask(question: string, options: AskOptions = {}): Promise<Answer> {
    const asked = question.trim().slice(0, MAX_QUESTION);
    const [best] = await this.#search.read(asked, options.signal);
    if (!best || best.score < THRESHOLD) {
      return { kind: "refusal", text: REFUSAL, citation: null, score: best?.score ?? 0 };
    }
    const said = await this.#complete(asked, best, options);
    const citation = citationOf(best);
    if (isGrounded(said, best.sentence, asked)) return { kind: "answer", text: said, citation, score: best.score };
    return { kind: "quote", text: best.sentence, citation, score: best.score };
  }

  async #complete(question: string, fit: Fit, { signal, onText }: AskOptions): Promise<string> {
    const stream = this.#locara.llm.chatStream(
      {
        model: this.#models.chat,
        messages: [
          { role: "system", content: `Context:\n[1] ${fit.sentence}` },
          { role: "user", content: question },
        ],
        maxTokens: MAX_TOKENS,
        temperature: 0,
      },
      signal,
    );
    for await (const { content } of stream) onText?.(content);
    const { content, finishReason } = await stream.result;
    // An answer that ran into the limit is not an answer: it is left to the quote.
    return finishReason === "stop" ? withoutMarks(content) : "";
  }
}

/** The model's own [n] is dropped: citations come from retrieval alone. */
export function withoutMarks(text: string): string {
  return text.replace(/\s*\[\d+\]/g, "").trim();
}

/**
 * True when an answer says something, says it in words of its source and the question only, and says no word more
 * often than they do (a small model may stammer).
 */
export function isGrounded(answer: string, source: string, question: string): boolean {
  const count = (text: string): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const word of words(text).map(foldWord)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  };
  const [said, own, asked] = [count(answer), count(source), count(question)];
  const informs = [...said.keys()].some((word) => own.has(word) && !asked.has(word));
  const held = [...said].every(([word, times]) => times <= Math.max(own.get(word) ?? 0, asked.get(word) ?? 0));
  return informs && held;
}

function citationOf({ passage, sentence }: Fit): Citation {
  const { document, name, page, id, heading } = passage;
  return { document, name, page, passage: id, heading, quote: sentence };
}
