/** The app's own SQLite database: rows, full text (FTS5) and vectors (sqlite-vec). */

import type { Json, JsonObject } from "./json.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** A value for a placeholder. Vectors (number arrays, Float32Array) become little-endian f32 blobs. */
export type Param = null | boolean | number | string | readonly number[] | Float32Array;
export type Params = readonly Param[] | Readonly<Record<string, Param>>;
export type Row = Readonly<Record<string, Json>>;

export interface Statement {
  readonly sql: string;
  readonly params?: Params;
}

export interface Changed {
  readonly changes: number;
  readonly lastRowId: number;
}

export interface SearchRequest {
  /** Table that holds the vectors. */
  readonly table?: string;
  readonly embedding?: readonly number[] | Float32Array;
  /** FTS5 table whose rowids are the ids of `table`, and the words to look for. Plain text: nothing is an operator. */
  readonly fts?: string;
  readonly text?: string;
  /** Any of the words (the default), all of them, or the phrase. */
  readonly mode?: "any" | "all" | "phrase";
  /** Hits wanted, 1 to 1000. */
  readonly k: number;
  /** Vector column, where it is not the only one or not called `embedding`. */
  readonly column?: string;
  /** For vectors in an ordinary table; a vec0 table has its own. */
  readonly metric?: "cosine" | "l2";
  /** Columns of `table` that must equal a value, be one of several, or be null. */
  readonly filter?: JsonObject;
  /** Where the full vectors of a bit-quantised table are. */
  readonly rescore?: { readonly table: string; readonly column?: string; readonly oversample?: number };
}

export interface Hit {
  readonly id: number;
  /** Higher is better; comparable within one search only. */
  readonly score: number;
  readonly distance?: number;
  /** BM25; lower is better. */
  readonly rank?: number;
}

export interface Db {
  /** Rows as objects keyed by column name. */
  query<R extends Row = Row>(sql: string, params?: Params, options?: Pick<CallOptions, "signal">): Promise<R[]>;
  exec(sql: string, params?: Params): Promise<Changed>;
  /** All statements or none. */
  batch(statements: readonly Statement[]): Promise<void>;
  readonly search: {
    vector(request: SearchRequest): Promise<readonly Hit[]>;
    fts(request: SearchRequest): Promise<readonly Hit[]>;
    /** Vector and full-text ranks fused. */
    hybrid(request: SearchRequest): Promise<readonly Hit[]>;
  };
}

function wireParam(value: Param): Json {
  return value instanceof Float32Array ? Array.from(value) : (value as Json);
}

function wireParams(params: Params | undefined): { params?: Json } {
  if (params === undefined) return {};
  if (Array.isArray(params)) return { params: params.map(wireParam) };
  return { params: Object.fromEntries(Object.entries(params).map(([key, value]) => [key, wireParam(value)])) };
}

export function createDb(transport: Transport): Db {
  const search = async (request: SearchRequest): Promise<readonly Hit[]> => {
    const { embedding, ...rest } = request;
    const args = { ...(rest as JsonObject), ...(embedding === undefined ? {} : { embedding: Array.from(embedding) }) };
    return ((await transport.call("db.search", args)) as unknown as { hits: readonly Hit[] }).hits;
  };
  return {
    async query<R extends Row = Row>(
      sql: string,
      params?: Params,
      options?: Pick<CallOptions, "signal">,
    ): Promise<R[]> {
      const result = await transport.call("db.query", { sql, ...wireParams(params) }, options);
      const { columns, rows } = result as unknown as { columns: readonly string[]; rows: readonly Json[][] };
      return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at] ?? null])) as R);
    },
    async exec(sql, params) {
      return (await transport.call("db.exec", { sql, ...wireParams(params) })) as unknown as Changed;
    },
    async batch(statements) {
      const wired = statements.map(({ sql, params }) => ({ sql, ...wireParams(params) }));
      await transport.call("db.batch", { statements: wired });
    },
    search: {
      vector: ({ fts: _fts, text: _text, ...request }) => search(request),
      fts: ({ table: _table, embedding: _embedding, ...request }) => search(request),
      hybrid: search,
    },
  };
}
