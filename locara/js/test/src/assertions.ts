/** What must be refused and why, and what must not. The same laws as `locara_verify.testing` for Python. */

import { CapabilityDenied, LocaraError } from "@locara/sdk";

type Call<T> = (() => Promise<T>) | Promise<T>;

/** What a denial must say. A test that names no reason would also pass for a wrong one. */
export interface Denial {
  /** A part of the reason, or the capability that is missing. */
  readonly because?: string;
  /** `unknown_command`: the capability is not declared at all. `capability_denied`: this object is not granted. */
  readonly code?: "capability_denied" | "unknown_command";
}

const run = <T>(call: Call<T>): Promise<T> => (typeof call === "function" ? call() : call);

/**
 * The call is refused for want of a grant; gives the error. An error of another kind (a wrong argument, a lost
 * connection) is no denial and fails.
 */
export async function assertDenied(call: Call<unknown>, { because, code }: Denial = {}): Promise<CapabilityDenied> {
  let given: unknown;
  try {
    given = await run(call);
  } catch (error) {
    if (!(error instanceof CapabilityDenied)) {
      const what = error instanceof LocaraError ? `${error.code}: ${error.message}` : String(error);
      throw new Error(`the call failed and was not denied: ${what}`, { cause: error });
    }
    if (code !== undefined && error.code !== code) {
      throw new Error(`denied as ${error.code}, not as ${code}: ${error.because}`, { cause: error });
    }
    const reason = `${error.because} [${error.capability || "no capability"}]`;
    if (because !== undefined && !reason.includes(because)) {
      throw new Error(`denied for another reason: ${reason}; expected ${JSON.stringify(because)}`, { cause: error });
    }
    return error;
  }
  const shown = JSON.stringify(given) ?? String(given);
  throw new Error(`the call was allowed and gave ${shown.length > 200 ? `${shown.slice(0, 200)}…` : shown}`);
}

/** The call is not refused; gives what it gives. A denial is told with the line that lifts it. */
export async function assertAllowed<T>(call: Call<T>): Promise<T> {
  try {
    return await run(call);
  } catch (error) {
    if (!(error instanceof CapabilityDenied)) throw error;
    const lines = [`the call was refused: ${error.code}: ${error.message}`];
    if (error.because) lines.push(`because: ${error.because}`);
    if (error.fix) lines.push(`to allow it: ${error.fix}`);
    throw new Error(lines.join("\n"), { cause: error });
  }
}
