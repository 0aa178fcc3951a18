/** Finding passages by words and by meaning, and judging how well one sentence fits a question. */

import type { Locara } from "@locara/sdk";

import type { Models } from "./models.ts";
import { foldTerm, sentences, terms, words } from "./text.ts";
import type { StoredPassage, Vault } from "./vault.ts";

export interface Result {
  readonly passage: StoredPassage;
  /** Rank fusion of words and meaning: good for order within one search, not for comparing two. */
  readonly score: number;
}

/** One sentence of a passage with how well it fits the question. All figures are between 0 and 1. */
export interface Fit {
  readonly passage: StoredPassage;
  readonly sentence: string;
  /** Cosine of question and sentence. */
  readonly closeness: number;
  /** Share of what the question asks for that the sentence and its heading name; rare words weigh more. */
  readonly coverage: number;
  /** What sentences are ranked by, and refusal decided by. */
  readonly score: number;
}

const POOL = 24;
const PASSAGES_READ = 8;
/** Each costs an embedding, so only those that name most of the question are compared by meaning. */
const SENTENCES_READ = 20;
const MAX_TERMS = 24;
const HEADING_SHARE = 0.6;
const CLOSENESS_SHARE = 0.5;

export class Search {
  readonly #locara: Pick<Locara, "db" | "embed">;
  readonly #vault: Vault;
  readonly #models: Models;

  constructor(locara: Pick<Locara, "db" | "embed">, vault: Vault, models: Models) {
    this.#locara = locara;
    this.#vault = vault;
    this.#models = models;
  }

  /** The best `limit` passages for a query, best first. */
  async find(query: string, limit: number, signal?: AbortSignal): Promise<Result[]> {
    const { db, embed } = this.#locara;
    if (query.trim() === "") return [];
    const embedding = await embed.one({ model: this.#models.embedding, text: query }, { signal });
    const text = terms(query).slice(0, MAX_TERMS).join(" ");
    const k = Math.max(limit, POOL);
    const vectors = { table: "vault_vectors", embedding, k, filter: { vault: this.#vault.current } };
    const hits =
      text === "" ? await db.search.vector(vectors) : await db.search.hybrid({ ...vectors, fts: "passage_words", text });
    const passages = await this.#vault.passages(hits.slice(0, limit).map((hit) => hit.id));
    const scores = new Map(hits.map((hit) => [hit.id, hit.score]));
    return passages.map((passage) => ({ passage, score: scores.get(passage.id) ?? 0 }));
  }

  /** Sentences of the best passages, best fit for the question first. Code is searched, but not read for answers. */
  async read(question: string, signal?: AbortSignal): Promise<Fit[]> {
    const found = await this.find(question, PASSAGES_READ, signal);
    const weights = await this.#weights(question);
    const candidates = found
      .filter(({ passage }) => passage.kind !== "code")
      .flatMap(({ passage }) => sentences(passage.text).map((sentence) => ({ passage, sentence })))
      .map((part) => ({ ...part, coverage: coverageOf(weights, part.sentence, part.passage.heading) }))
      // Stable: among sentences that name as much, those of the better passage come first.
      .sort((a, b) => b.coverage - a.coverage)
      .slice(0, SENTENCES_READ);
    if (candidates.length === 0) return [];
    const texts = [question, ...candidates.map(({ sentence }) => sentence)];
    const vectors = await this.#locara.embed.create({ model: this.#models.embedding, texts }, { signal });
    return candidates
      .map(({ passage, sentence, coverage }, at) => {
        const closeness = cosine(vectors[0] as Float32Array, vectors[at + 1] as Float32Array);
        const score = CLOSENESS_SHARE * closeness + (1 - CLOSENESS_SHARE) * coverage;
        return { passage, sentence, closeness, coverage, score };
      })
      .sort((a, b) => b.score - a.score || a.passage.id - b.passage.id);
  }

  /** What each term of the question is worth: the rarer in this vault, the more. */
  async #weights(question: string): Promise<Map<string, number>> {
    const asked = terms(question).slice(0, MAX_TERMS);
    if (asked.length === 0) return new Map();
    const counts = asked.map((_, at) => `(SELECT count(*) FROM passage_words WHERE passage_words MATCH ?${at + 1})`);
    const sql = `SELECT (SELECT count(*) FROM passages) AS total, ${counts.map((count, at) => `${count} AS c${at}`).join(", ")}`;
    const [row] = await this.#locara.db.query<Record<string, number>>(sql, asked.map(quoted));
    const total = row?.["total"] ?? 0;
    return new Map(asked.map((word, at) => [foldTerm(word), rarity(row?.[`c${at}`] ?? 0, total)]));
  }
}

/** The usual inverse document frequency, above 0. */
export function rarity(count: number, total: number): number {
  return Math.log(1 + (total + 1) / (count + 0.5));
}

/** The weighted share of terms (folded) that a sentence names; a term that only its heading names counts in part. */
export function coverageOf(weights: ReadonlyMap<string, number>, sentence: string, heading: string): number {
  const own = new Set(words(sentence).map(foldTerm));
  const above = new Set(words(heading).map(foldTerm));
  let named = 0;
  let all = 0;
  for (const [term, weight] of weights) {
    all += weight;
    if (own.has(term)) named += weight;
    else if (above.has(term)) named += HEADING_SHARE * weight;
  }
  return all === 0 ? 0 : named / all;
}

/** Cosine of two vectors, at least 0. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : Math.max(0, dot / Math.sqrt(aa * bb));
}

/** A word as an FTS5 query in which nothing is an operator. */
export function quoted(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}
