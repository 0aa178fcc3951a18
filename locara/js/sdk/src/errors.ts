/** Errors an app can catch. Every error reply of the runtime becomes one of these. */

import { isObject, stringAt, type Json } from "./json.ts";
import { RUNTIME_CODES } from "./surface.ts";

/** The closed list of codes a runtime may answer with, and the codes this package adds on its own side. */
export const ERROR_CODES = [...RUNTIME_CODES, "transport_closed", "not_connected"] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Any failed call. `code` is one of `ERROR_CODES`, or a newer code of a newer runtime. */
export class LocaraError extends Error {
  override readonly name: string = "LocaraError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The app's manifest does not grant what the call needs.
 *
 * `code` is `capability_denied` when the command exists but its object is not granted, and
 * `unknown_command` when the whole command is absent because its capability is not declared.
 * `fix` is the exact line to add to locara.json.
 */
export class CapabilityDenied extends LocaraError {
  override readonly name = "CapabilityDenied";
  readonly capability: string;
  readonly because: string;
  readonly fix: string;

  constructor(code: string, message: string, capability: string, because: string, fix: string) {
    super(code, message);
    this.capability = capability;
    this.because = because;
    this.fix = fix;
  }
}

/** Turns the `error` object of a reply into an error. Total: a malformed object gives code `internal`. */
export function errorFromReply(error: Json | undefined): LocaraError {
  if (!isObject(error)) return new LocaraError("internal", "the runtime sent an error without a description");
  const code = stringAt(error, "code", "internal");
  const message = stringAt(error, "message", code);
  const capability = stringAt(error, "capability", "");
  const denied = code === "capability_denied" || (code === "unknown_command" && capability !== "");
  if (!denied) return new LocaraError(code, message);
  return new CapabilityDenied(code, message, capability, stringAt(error, "because", ""), stringAt(error, "fix", ""));
}
