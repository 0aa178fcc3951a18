/** Requests to hosts that the manifest names. Needs `net`. */

import { base64ToBytes, bytesToBase64 } from "./base64.ts";
import type { CallOptions, Transport } from "./transport.ts";

export interface NetRequest {
  /** An https address of a declared host and port. */
  readonly url: string;
  /** Default: GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Most bytes of the answer's body. Default: 8 MiB. */
  readonly maxBytes?: number;
}

export interface NetResponse {
  readonly status: number;
  /** In the order they came; a name can be there more than once. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** The body as UTF-8. */
  text(): string;
}

export interface Net {
  /** One request. A redirect is given back, never followed; cookies and credentials are never added. */
  fetch(request: NetRequest, options?: Pick<CallOptions, "signal">): Promise<NetResponse>;
}

export function createNet(transport: Transport): Net {
  return {
    async fetch({ body, ...request }, options) {
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const args = { ...request, headers: { ...request.headers }, ...(bytes ? { body: bytesToBase64(bytes) } : {}) };
      const result = await transport.call("net.fetch", args, options);
      const answer = result as unknown as Pick<NetResponse, "status" | "headers"> & { readonly body: string };
      const got = base64ToBytes(answer.body);
      return { status: answer.status, headers: answer.headers, body: got, text: () => new TextDecoder().decode(got) };
    },
  };
}
