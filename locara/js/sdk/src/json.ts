/** JSON values, and narrow checks for values that crossed a process boundary. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** True for a plain JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The string at `key`, or `fallback` when it is absent or of another type. */
export function stringAt(value: JsonObject, key: string, fallback: string): string {
  const found = value[key];
  return typeof found === "string" ? found : fallback;
}
