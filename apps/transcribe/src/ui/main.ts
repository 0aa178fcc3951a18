/** Starts the page: connects to the runtime, opens the recordings, and wires buttons and keys. */

import { createLocara, WindowTransport } from "@locara/sdk";

import { Transcribe } from "../app.ts";
import type { Hearing } from "../hear.ts";
import type { Found, Recording } from "../recordings.ts";
import { shortTime } from "../times.ts";
import { decode } from "./decode.ts";
import { attempt, explained, h, shown, tell, the } from "./page.ts";
import { showRecording, type View } from "./transcript.ts";

const SEARCH_MS = 150;

class Page {
  readonly #app: Transcribe;
  #view: View | undefined;
  #hearing: AbortController | undefined;
  #draws = 0;

  constructor(app: Transcribe) {
    this.#app = app;
  }

  wire(): void {
    const search = the("search", HTMLInputElement);
    const open = (): void => attempt(() => this.#hear((hearing) => this.#app.listener.pick(hearing)));
    const record = (): void => attempt(() => this.#hear(async (hearing) => [await this.#app.listener.record(recordingName(), hearing)]));
    the("open", HTMLButtonElement).addEventListener("click", open);
    the("record", HTMLButtonElement).addEventListener("click", record);
    the("stop", HTMLButtonElement).addEventListener("click", () => this.#stop());
    let timer = 0;
    search.addEventListener("input", () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => attempt(() => this.list()), SEARCH_MS);
    });
    document.addEventListener("keydown", (event) => {
      const { target } = event;
      const typing = target instanceof HTMLElement && (target.isContentEditable || target instanceof HTMLInputElement);
      if (event.key === "Escape") this.#stop();
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { o: open, r: record, s: () => this.#view?.write(), "/": () => search.select() }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  /** Draws the list: all recordings, or the moments that were searched for. */
  async list(): Promise<void> {
    const draw = ++this.#draws;
    const query = the("search", HTMLInputElement).value;
    const items = query.trim() === "" ? (await this.#app.recordings.all()).map((one) => this.#item(one)) : await this.#results(query);
    if (draw === this.#draws) the("list", HTMLUListElement).replaceChildren(...items);
  }

  #item({ id, name, added, duration, state }: Recording): HTMLElement {
    const facts = `${new Date(added).toLocaleDateString()} · ${state === "hearing" ? "listening" : shortTime(duration)}`;
    const button = h("button", { onclick: () => attempt(() => this.show(id)) },
      h("span", { className: "name", textContent: shown(name) }), h("span", { className: "facts", textContent: facts }));
    if (id === this.#view?.recording) button.setAttribute("aria-current", "true");
    return h("li", {}, button);
  }

  async #results(query: string): Promise<HTMLElement[]> {
    const found = await this.#app.recordings.search(query);
    if (found.length === 0) return [h("li", { className: "none", textContent: "Nobody said that." })];
    return found.map((hit: Found) =>
      h("li", {}, h("button", { onclick: () => attempt(async () => (await this.show(hit.recording)).go(hit.segment)) },
        h("span", { className: "said", textContent: hit.text }),
        h("span", { className: "facts", textContent: `${shown(hit.name)} · ${shortTime(hit.start)}${hit.speaker === "" ? "" : ` · ${hit.speaker}`}` }))));
  }

  async show(id: number): Promise<View> {
    this.#view = await showRecording(this.#app, id, (gone) => attempt(async () => {
      if (gone) await this.showNewest();
      await this.list();
      // What was removed took the keyboard with it: on with what is shown now.
      if (gone) (document.querySelector<HTMLElement>("#list [aria-current]") ?? the("open", HTMLButtonElement)).focus();
    }));
    await this.list();
    return this.#view;
  }

  async showNewest(): Promise<void> {
    const [newest] = await this.#app.recordings.all();
    if (newest) {
      await this.show(newest.id);
      return;
    }
    this.#view = undefined;
    the("view", HTMLDivElement).replaceChildren(h("div", { className: "empty" },
      h("h2", { textContent: "What was said?" }),
      h("p", { textContent: "Open a recording, or record with the microphone. The words appear here with their times while they are heard." }),
      h("p", {}, h("kbd", { textContent: "O" }), " opens a file, ", h("kbd", { textContent: "R" }), " records, ", h("kbd", { textContent: "S" }), " sums up, ", h("kbd", { textContent: "/" }), " searches, ", h("kbd", { textContent: "Esc" }), " stops."),
      h("p", { textContent: "Sound and words stay on this computer." })));
  }

  #stop(): void {
    this.#hearing?.abort(new DOMException("stopped by the person", "AbortError"));
  }

  /** Runs one hearing at a time and shows it as it goes. */
  async #hear(work: (hearing: Hearing) => Promise<Recording[]>): Promise<void> {
    if (this.#hearing) return;
    this.#hearing = new AbortController();
    const buttons = [the("open", HTMLButtonElement), the("record", HTMLButtonElement)];
    const [panel, text, level] = [the("live", HTMLElement), the("live-text", HTMLParagraphElement), the("level", HTMLMeterElement)];
    const before = document.activeElement;
    const stop = the("stop", HTMLButtonElement);
    for (const button of buttons) button.disabled = true;
    let drawn: Promise<unknown> = Promise.resolve();
    try {
      const heard = await work({
        signal: this.#hearing.signal,
        onBegin: (recording) => {
          panel.hidden = false;
          if (before instanceof HTMLButtonElement && before.disabled) stop.focus(); // a disabled button has no keyboard
          level.hidden = recording.origin === "file";
          text.textContent = `Listening to ${shown(recording.name)}`;
          drawn = this.show(recording.id);
        },
        onSegment: (segment) => {
          drawn = drawn.then(() => this.#view?.recording === segment.recording && this.#view.add(segment));
          if (level.hidden) text.textContent = `Heard until ${shortTime(segment.finish)}`;
        },
        onSound: (loud, seconds) => {
          level.value = loud;
          text.textContent = `Recording ${shortTime(seconds)}`;
        },
      });
      await drawn;
      const last = heard.at(-1);
      if (last) await this.show(last.id);
    } catch (error) {
      tell(explained(error), true);
      await this.showNewest();
    } finally {
      this.#hearing = undefined;
      panel.hidden = true;
      for (const button of buttons) button.disabled = false;
      if (isNowhere(stop) && before instanceof HTMLElement) before.focus();
      await this.list();
    }
  }
}

/** Whether the keyboard is on nothing, or on this, which is not shown any more. */
function isNowhere(gone: HTMLElement): boolean {
  const { activeElement, body } = document;
  return activeElement === null || activeElement === body || activeElement === gone;
}

function recordingName(): string {
  return `Recording ${new Date().toLocaleString()}`;
}

async function start(): Promise<void> {
  const locara = createLocara(WindowTransport.ofWindow());
  const page = new Page(await Transcribe.open(locara, decode));
  page.wire();
  await page.showNewest();
  await page.list();
  const { capabilities, models } = await locara.app.info();
  const network = "net" in capabilities ? "May use the network" : "No network";
  the("privacy", HTMLParagraphElement).textContent = `${network} · ${models.length} models on this machine`;
}

attempt(start);
