/** The models this app works with, by the ids its manifest pins. */

export interface Models {
  readonly chat: string;
  readonly embedding: string;
}

export const MODELS: Models = { chat: "locara-tiny-chat", embedding: "all-minilm-l6-v2" };
