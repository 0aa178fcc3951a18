/** Chat with a pinned local model. Needs modality `text-to-text` and the model in `capabilities.models`. */

import type { Json, JsonObject } from "./json.ts";
import { createStream, type Stream } from "./stream.ts";
import type { CallOptions, Transport } from "./transport.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatRequest {
  /** Model id as pinned in the manifest, with or without its digest. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  /** JSON Schema the answer must fit. */
  readonly schema?: JsonObject;
}

export interface ChatUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Milliseconds for the whole call, and until the first token. */
  readonly ms_total: number;
  readonly ms_first_token: number;
}

export interface ChatResponse {
  readonly content: string;
  readonly finishReason: "stop" | "length" | "cancelled";
  readonly usage: ChatUsage;
}

export interface ChatDelta {
  readonly content: string;
}

export interface Llm {
  chat(request: ChatRequest, options?: Pick<CallOptions, "signal">): Promise<ChatResponse>;
  /** Yields the answer piece by piece; `result` is the whole answer with its usage. */
  chatStream(request: ChatRequest, signal?: AbortSignal): Stream<ChatDelta, ChatResponse>;
}

interface WireResponse {
  readonly content: string;
  readonly finishReason: ChatResponse["finishReason"];
  readonly usage: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly msTotal: number;
    readonly msFirstToken: number;
  };
}

function responseOf(result: Json): ChatResponse {
  const { content, finishReason, usage } = result as unknown as WireResponse;
  return {
    content,
    finishReason,
    usage: {
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      ms_total: usage.msTotal,
      ms_first_token: usage.msFirstToken,
    },
  };
}

export function createLlm(transport: Transport): Llm {
  return {
    async chat(request, options) {
      return responseOf(await transport.call("llm.chat", { ...request } as unknown as JsonObject, options));
    },
    chatStream(request, signal) {
      return createStream<ChatDelta, ChatResponse>(
        async (emit, stop) => {
          const args = { ...request, stream: true } as unknown as JsonObject;
          const onEvent = (event: JsonObject): void => {
            if (event["type"] === "delta" && typeof event["text"] === "string") emit({ content: event["text"] });
          };
          return responseOf(await transport.call("llm.chat", args, { signal: stop, onEvent }));
        },
        { signal },
      );
    },
  };
}
