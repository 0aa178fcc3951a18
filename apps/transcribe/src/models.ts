/** The models this app works with, by the ids its manifest pins. */

export interface Models {
  readonly speech: string;
  readonly chat: string;
  /** Characters of transcript given to the chat model at once: well inside its context. */
  readonly reads: number;
}

export const MODELS: Models = { speech: "locara-tiny-whisper", chat: "locara-tiny-chat", reads: 700 };
