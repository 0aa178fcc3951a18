/** Starts the page: shows the conversation, sends messages, streams answers. */

import { db, llm, type ChatMessage } from "#locara-sdk";

import { clear, keep, MODEL, promptOf, turnsOf } from "./conversation.ts";

const byId = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const button = (id: string): HTMLButtonElement => byId(id) as HTMLButtonElement;
const words = byId("words") as HTMLInputElement;
let stopping: AbortController | undefined;

function show(turn: ChatMessage): HTMLElement {
  const shown = document.createElement("p");
  shown.className = `turn ${turn.role}`;
  shown.textContent = turn.content;
  byId("turns").append(shown);
  shown.scrollIntoView({ block: "end" });
  return shown;
}

async function answer(text: string): Promise<void> {
  const question: ChatMessage = { role: "user", content: text };
  await keep(db, question);
  show(question);
  const shown = show({ role: "assistant", content: "" });
  stopping = new AbortController();
  const request = { model: MODEL, messages: promptOf(await turnsOf(db)), maxTokens: 256 };
  try {
    for await (const { content } of llm.chatStream(request, stopping.signal)) shown.textContent += content;
  } finally {
    if (shown.textContent) await keep(db, { role: "assistant", content: shown.textContent });
  }
}

function busy(is: boolean): void {
  button("send").disabled = is;
  button("clear").disabled = is;
  button("stop").disabled = !is;
}

function notice(text: string): void {
  byId("notice").textContent = text;
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = words.value.trim();
  if (!text || button("send").disabled) return;
  words.value = "";
  notice("");
  busy(true);
  answer(text)
    .catch((error: Error) => notice(stopping?.signal.aborted ? "Stopped" : error.message))
    .finally(() => busy(false));
});

button("stop").addEventListener("click", () => stopping?.abort());
button("clear").addEventListener("click", () => {
  clear(db)
    .then(() => byId("turns").replaceChildren())
    .catch((error: Error) => notice(error.message));
});

turnsOf(db)
  .then((turns) => turns.forEach(show))
  .catch((error: Error) => notice(error.message));
