/** Pinned WebAssembly tools. Needs the tool in `capabilities.tools`. */

import type { Json } from "./json.ts";
import type { CallOptions, Transport } from "./transport.ts";

export interface ToolUsage {
  /** Instructions, about. */
  readonly fuel: number;
  readonly ms: number;
  /** null where the runtime cannot see it: a tool of the abi `python`. */
  readonly memoryBytes: number | null;
}

export interface ToolAnswer {
  /** Has the tool's output schema. */
  readonly output: Json;
  readonly usage: ToolUsage;
}

export interface ToolRequest {
  /** Id or whole pin, as in the manifest. */
  readonly tool: string;
  readonly input: Json;
  /** Less than the tool's own limit; a larger one changes nothing. */
  readonly timeoutMs?: number;
}

export interface Tools {
  /** One call, in a fresh instance of the tool: nothing of another call is left in it. */
  invoke(request: ToolRequest, options?: Pick<CallOptions, "signal">): Promise<ToolAnswer>;
}

export function createTools(transport: Transport): Tools {
  return {
    async invoke({ tool, input, timeoutMs }, options) {
      const args = timeoutMs === undefined ? { tool, input } : { tool, input, timeoutMs };
      return (await transport.call("tools.invoke", args, options)) as unknown as ToolAnswer;
    },
  };
}
