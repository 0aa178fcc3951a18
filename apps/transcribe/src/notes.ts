/** Summary and action items. A model writes them; each must be made of words that were said, or the sentence itself stands. */

import type { Locara } from "@locara/sdk";

import type { Models } from "./models.ts";
import type { NewNote, StoredSegment } from "./recordings.ts";
import { isSaid, shared, wordsOf } from "./words.ts";

const MAX_TOKENS = 160;
const MOST_POINTS = 6;
const ASKED = /\?\s*$/;
/** Words by which people promise or ask for work. */
const PROMISE = /\b(?:will|won't|shall|must|should|has to|have to|needs? to|please|let's|going to|todo|to do)\b/i;

interface Part {
  readonly segments: readonly StoredSegment[];
  readonly text: string;
}

export class NoteTaker {
  readonly #locara: Pick<Locara, "llm">;
  readonly #models: Models;

  constructor(locara: Pick<Locara, "llm">, models: Models) {
    this.#locara = locara;
    this.#models = models;
  }

  /** Summary and action items of a transcript, each with the moment it comes from. */
  async write(segments: readonly StoredSegment[], signal?: AbortSignal): Promise<NewNote[]> {
    const points: NewNote[] = [];
    const actions: NewNote[] = [];
    for (const part of partsOf(segments, this.#models.reads)) {
      points.push(...summaryOf(part, await this.#ask(`Summarise: ${part.text}`, signal)));
      actions.push(...actionsOf(part, await this.#ask(`List the action items: ${part.text}`, signal)));
    }
    return [...spread(points, MOST_POINTS), ...actions];
  }

  async #ask(content: string, signal?: AbortSignal): Promise<string> {
    const request = { model: this.#models.chat, messages: [{ role: "user" as const, content }], maxTokens: MAX_TOKENS, temperature: 0 };
    const answer = await this.#locara.llm.chat(request, { signal });
    // An answer that ran into the limit breaks off somewhere: what is whole in it are its lines but the last.
    return answer.finishReason === "stop" ? answer.content : answer.content.split("\n").slice(0, -1).join("\n");
  }
}

/** Neighbouring segments that together fit what the model reads at once. */
export function partsOf(segments: readonly StoredSegment[], limit: number): Part[] {
  const parts: StoredSegment[][] = [];
  let size = 0;
  for (const segment of segments) {
    if (parts.length === 0 || size + segment.text.length > limit) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(segment);
    size += segment.text.length + 1;
  }
  return parts.map((own) => ({ segments: own, text: own.map(({ text }) => text).join(" ") }));
}

/** The lines of a summary that were said; else the sentence that shares most with the others. */
export function summaryOf(part: Part, answer: string): NewNote[] {
  const said = linesOf(answer).filter((line) => isSaid(line, part.text));
  if (said.length > 0) return said.map((text) => noteOf("summary", "model", text, nearest(part, text)));
  const told = part.segments.filter(({ text }) => !ASKED.test(text) && wordsOf(text).length > 3);
  const [best] = [...told].sort((a, b) => weight(b, part) - weight(a, part));
  return best ? [noteOf("summary", "quote", best.text, best)] : [];
}

/** What the model found, where it was said, and every promise or request it passed over, as the sentence itself. */
export function actionsOf(part: Part, answer: string): NewNote[] {
  const found = linesOf(answer)
    .filter((line) => isSaid(line, part.text) && wordsOf(line).length > 1)
    .map((text) => noteOf("action", "model", text, nearest(part, text)));
  const taken = new Set(found.map(({ segment }) => segment));
  const missed = part.segments
    .filter(({ id, text }) => PROMISE.test(text) && !ASKED.test(text) && !taken.has(id))
    .map((segment) => noteOf("action", "quote", segment.text, segment));
  const order = new Map(part.segments.map(({ id }, at) => [id, at]));
  return [...found, ...missed].sort((a, b) => (order.get(a.segment ?? -1) ?? 0) - (order.get(b.segment ?? -1) ?? 0));
}

function noteOf(kind: NewNote["kind"], source: NewNote["source"], text: string, segment: StoredSegment | undefined): NewNote {
  return { kind, source, text, segment: segment?.id ?? null };
}

function linesOf(answer: string): string[] {
  return answer.split("\n").map((line) => line.replace(/^\s*(?:[-*•]|\d+[.)])\s*/, "").trim()).filter((line) => line !== "");
}

function nearest(part: Part, text: string): StoredSegment | undefined {
  return [...part.segments].sort((a, b) => shared(b.text, text) - shared(a.text, text))[0];
}

function weight({ id, text }: StoredSegment, part: Part): number {
  const others = part.segments.filter((segment) => segment.id !== id).map((segment) => segment.text).join(" ");
  return shared(text, others) + wordsOf(text).length / 100;
}

/** At most `count` of a list, from all over it. */
function spread<Item>(list: readonly Item[], count: number): Item[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, at) => list[Math.floor((at * list.length) / count)] as Item);
}
