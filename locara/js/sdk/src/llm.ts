/** Chat with a pinned local model. Needs modality `text-to-text` and the model in `capabilities.models`. */

import type { Json, JsonObject } from "./json.ts";
import { LocaraError } from "./errors.ts";
import { createStream, type Stream } from "./stream.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** A call that the model wants made. The runtime has judged it; `tools.invoke` judges it again. */
export interface ToolCall {
  readonly id: string;
  /** A tool that was offered. */
  readonly tool: string;
  /** Fits the tool's input schema. */
  readonly arguments: JsonObject;
}

/** A call that the model wrote and that may not be made. Everything but code, because and fix is the model's text. */
export interface RefusedCall {
  readonly id: string;
  readonly tool: string;
  readonly arguments?: JsonObject;
  readonly code: "capability_denied" | "bad_request";
  readonly because: string;
  readonly fix?: string;
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Of an assistant's turn: the calls of that answer, as they were given. */
  readonly toolCalls?: readonly ToolCall[];
  /** Of a tool's turn: the id of the call that it answers. */
  readonly toolCallId?: string;
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
  /** Tools of `capabilities.tools` that the model may ask for. */
  readonly tools?: readonly string[];
  /** `required`, or one tool: the answer is one call whose arguments keep to the tool's schema. Default: `auto`. */
  readonly toolChoice?: "auto" | "none" | "required" | { readonly tool: string };
  /** Ask for the model's reasoning. Needs modality `text-to-text-thinking`. */
  readonly thinking?: boolean;
}

export interface ChatUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** How many of the output tokens were reasoning, asked for or not. */
  readonly reasoning_tokens: number;
  /** Milliseconds for the whole call, and until the first token. */
  readonly ms_total: number;
  readonly ms_first_token: number;
}

export interface ChatResponse {
  readonly content: string;
  readonly finishReason: "stop" | "length" | "cancelled";
  readonly usage: ChatUsage;
  /** Present when `thinking` was asked for. */
  readonly reasoning?: string;
  /** Empty when no tools were offered. */
  readonly toolCalls: readonly ToolCall[];
  readonly refusedCalls: readonly RefusedCall[];
}

/** A piece of the answer, or of the reasoning where it was asked for: the other one is empty. */
export interface ChatDelta {
  readonly content: string;
  readonly reasoning: string;
}

/** One call of a tool loop and what came of it. */
export interface ToolStep {
  readonly call: ToolCall;
  readonly output?: Json;
  /** What the tool or the runtime said instead of giving an output. */
  readonly error?: string;
}

export interface ToolLoop {
  /** The last answer. */
  readonly response: ChatResponse;
  /** The whole conversation, ready to go on with. */
  readonly messages: readonly ChatMessage[];
  readonly steps: readonly ToolStep[];
  /** `answer`: the model called nothing more. `turns`: it still wanted to. `refused`: nothing it wrote could be run. */
  readonly endedBy: "answer" | "turns" | "refused";
}

export interface ToolLoopOptions extends Pick<CallOptions, "signal"> {
  /** Most answers that are asked for, 1 to 32. Default: 8. */
  readonly maxTurns?: number;
  /** Asked before each call; false leaves it out and tells the model so. */
  readonly onCall?: (call: ToolCall) => boolean | Promise<boolean>;
}

export interface Llm {
  chat(request: ChatRequest, options?: Pick<CallOptions, "signal">): Promise<ChatResponse>;
  /** Yields the answer piece by piece; `result` is the whole answer with its usage. */
  chatStream(request: ChatRequest, signal?: AbortSignal): Stream<ChatDelta, ChatResponse>;
  /**
   * Asks, runs the calls of the answer with `tools.invoke`, gives the outputs back, and asks again, at most `maxTurns`
   * times. A failed call is told to the model; any other failure ends the loop by being thrown.
   */
  chatWithTools(
    request: ChatRequest & { readonly tools: readonly string[] },
    options?: ToolLoopOptions,
  ): Promise<ToolLoop>;
}

const MOST_TURNS = 32;

interface WireResponse {
  readonly content: string;
  readonly finishReason: ChatResponse["finishReason"];
  readonly reasoning?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly refusedCalls?: readonly RefusedCall[];
  readonly usage: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly reasoningTokens: number;
    readonly msTotal: number;
    readonly msFirstToken: number;
  };
}

function responseOf(result: Json): ChatResponse {
  const { content, finishReason, usage, reasoning, toolCalls, refusedCalls } = result as unknown as WireResponse;
  return {
    content,
    finishReason,
    usage: {
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      reasoning_tokens: usage.reasoningTokens,
      ms_total: usage.msTotal,
      ms_first_token: usage.msFirstToken,
    },
    ...(reasoning === undefined ? {} : { reasoning }),
    toolCalls: toolCalls ?? [],
    refusedCalls: refusedCalls ?? [],
  };
}

/** What of an answer goes back into the conversation: refused calls with the reason, so that the model can do better. */
function turnOf(response: ChatResponse): { turn: ChatMessage; refusals: ChatMessage[] } {
  const refused = response.refusedCalls.filter((call) => call.arguments !== undefined);
  const calls = [...response.toolCalls, ...refused.map(({ id, tool, arguments: given }) => ({ id, tool, arguments: given as JsonObject }))];
  return {
    turn: { role: "assistant", content: response.content, ...(calls.length > 0 ? { toolCalls: calls } : {}) },
    refusals: refused.map(({ id, because }) => toolTurn(id, { error: because })),
  };
}

function toolTurn(toolCallId: string, value: Json): ChatMessage {
  return { role: "tool", content: JSON.stringify(value), toolCallId };
}

async function stepOf(transport: Transport, call: ToolCall, options: ToolLoopOptions): Promise<ToolStep> {
  if (options.onCall && !(await options.onCall(call))) return { call, error: "the person did not allow this call" };
  try {
    const args = { tool: call.tool, input: call.arguments };
    const answer = await transport.call("tools.invoke", args, { signal: options.signal });
    return { call, output: (answer as { output: Json }).output };
  } catch (error) {
    if (!(error instanceof LocaraError) || error.code === "transport_closed") throw error;
    return { call, error: error.message };
  }
}

export function createLlm(transport: Transport): Llm {
  const chat: Llm["chat"] = async (request, options) =>
    responseOf(await transport.call("llm.chat", { ...request } as unknown as JsonObject, options));
  return {
    chat,
    chatStream(request, signal) {
      return createStream<ChatDelta, ChatResponse>(
        async (emit, stop) => {
          const args = { ...request, stream: true } as unknown as JsonObject;
          const onEvent = ({ type, text }: JsonObject): void => {
            if (typeof text !== "string") return;
            if (type === "delta") emit({ content: text, reasoning: "" });
            if (type === "reasoning") emit({ content: "", reasoning: text });
          };
          return responseOf(await transport.call("llm.chat", args, { signal: stop, onEvent }));
        },
        { signal },
      );
    },
    async chatWithTools(request, options = {}) {
      const turns = options.maxTurns ?? 8;
      if (!Number.isInteger(turns) || turns < 1 || turns > MOST_TURNS) throw new RangeError(`maxTurns is 1 to ${MOST_TURNS}`);
      const messages = [...request.messages];
      const steps: ToolStep[] = [];
      for (let turn = 1; ; turn++) {
        const response = await chat({ ...request, messages }, { signal: options.signal });
        const { turn: said, refusals } = turnOf(response);
        messages.push(said);
        if (response.toolCalls.length + response.refusedCalls.length === 0) return { response, messages, steps, endedBy: "answer" };
        if (response.toolCalls.length + refusals.length === 0) return { response, messages, steps, endedBy: "refused" };
        for (const call of response.toolCalls) {
          const step = await stepOf(transport, call, options);
          steps.push(step);
          messages.push(toolTurn(call.id, step.error === undefined ? (step.output ?? null) : { error: step.error }));
        }
        messages.push(...refusals);
        if (turn === turns || response.finishReason !== "stop") return { response, messages, steps, endedBy: "turns" };
      }
    },
  };
}
