/** The right pane: questions, answers with their citation, and search results. */

import { REFUSAL, type Answer } from "../answer.ts";
import type { DocVault } from "../docvault.ts";
import { byId, make, shownName } from "./dom.ts";
import { explain, isAbort } from "./notice.ts";
import { savingRow } from "./saving.ts";
import type { Place } from "./viewer.ts";

const RESULTS = 8;
const NOTE = {
  answer: "",
  quote: "The model could not put this in its own words, so here is the sentence itself.",
  refusal: "No passage fits the question well enough. Search shows the nearest ones.",
} as const;

export function startConversation(vault: DocVault, show: (place: Place) => Promise<void>): void {
  const form = byId("ask", HTMLFormElement);
  const question = byId("question", HTMLInputElement);
  let running: AbortController | undefined;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text === "") return;
    const mode = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "ask";
    running?.abort(new DOMException("another question was asked", "AbortError"));
    running = new AbortController();
    const turn = addTurn(text);
    const work = mode === "search" ? search(vault, show, text, turn, running.signal) : ask(vault, show, text, turn, running.signal);
    work.catch((error: unknown) => fail(turn, error));
    question.select();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      question.focus();
    } else if (event.key === "Escape") {
      running?.abort(new DOMException("stopped by the person", "AbortError"));
    }
  });
}

interface Turn {
  readonly box: HTMLElement;
  readonly said: HTMLParagraphElement;
}

function addTurn(asked: string): Turn {
  const said = make("p", { class: "said", text: "…" });
  const box = make("article", { class: "turn", children: [make("p", { class: "asked", text: asked }), said] });
  byId("turns", HTMLDivElement).prepend(box);
  return { box, said };
}

function fail({ box, said }: Turn, error: unknown): void {
  box.classList.add("failed");
  said.textContent = isAbort(error) ? "Stopped." : explain(error);
}

type Show = (place: Place) => Promise<void>;

async function ask(vault: DocVault, show: Show, text: string, { box, said }: Turn, signal: AbortSignal): Promise<void> {
  let words = "";
  const answer: Answer = await vault.ask(text, {
    signal,
    onText: (piece) => {
      words += piece;
      said.textContent = words;
    },
  });
  box.classList.add(answer.kind);
  said.textContent = answer.kind === "refusal" ? REFUSAL : answer.text;
  if (NOTE[answer.kind] !== "") box.append(make("p", { class: "note", text: NOTE[answer.kind] }));
  if (answer.citation) box.append(cite(show, answer.citation));
  const asked = new Date().toISOString();
  box.append(savingRow("this answer", (format) => vault.saveAnswer({ question: text, answer, asked }, format)));
}

async function search(vault: DocVault, show: Show, text: string, { box, said }: Turn, signal: AbortSignal): Promise<void> {
  const results = await vault.search(text, RESULTS, signal);
  said.textContent = results.length === 0 ? "Nothing was found." : `${results.length} passages, best first`;
  for (const { passage } of results) {
    const { document, name, page, id, text: quote } = passage;
    box.append(cite(show, { document, name, page, passage: id, quote }));
  }
}

function cite(show: Show, place: Place): HTMLButtonElement {
  const where = make("span", { class: "where", text: `${shownName(place.name)} · page ${place.page}` });
  const quote = make("span", { class: "quote", text: place.quote });
  return make("button", { class: "cite", onClick: () => void show(place), children: [quote, where] });
}
