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
  /** FTS5 table, with the words to look for. */
  readonly fts?: string;
  readonly text?: string;
  readonly k: number;
}

export interface Hit {
  readonly id: number;
  /** Higher is better; comparable within one search only. */
  readonly score: number;
  readonly distance?: number | null;
  readonly rank?: number | null;
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
    const args: JsonObject = { ...rest, ...(embedding === undefined ? {} : { embedding: Array.from(embedding) }) };
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
