/** Text embeddings with a pinned local model. Needs modality `text-to-embedding`. */

import type { CallOptions, Transport } from "./transport.ts";

/** Most texts in one call to the runtime; `create` splits longer lists. */
export const MAX_TEXTS = 64;

export interface Embed {
  /** One unit-length vector for each text, in the same order. */
  create(
    request: { readonly model: string; readonly texts: readonly string[] },
    options?: Pick<CallOptions, "signal">,
  ): Promise<Float32Array[]>;
  one(
    request: { readonly model: string; readonly text: string },
    options?: Pick<CallOptions, "signal">,
  ): Promise<Float32Array>;
}

export function createEmbed(transport: Transport): Embed {
  const create: Embed["create"] = async ({ model, texts }, options) => {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += MAX_TEXTS) {
      const part = texts.slice(at, at + MAX_TEXTS);
      const result = await transport.call("embed.create", { model, texts: part }, options);
      for (const vector of (result as unknown as { vectors: number[][] }).vectors) {
        vectors.push(Float32Array.from(vector));
      }
    }
    return vectors;
  };
  return {
    create,
    async one({ model, text }, options) {
      const [vector] = await create({ model, texts: [text] }, options);
      return vector as Float32Array;
    },
  };
}
