/** The left pane: documents, import with progress, and what the last import could not read. */

import type { DocVault } from "../docvault.ts";
import type { ImportOptions, Outcome } from "../ingest.ts";
import type { StoredDocument } from "../vault.ts";
import { byId, make, shownName } from "./dom.ts";
import { showNotice } from "./notice.ts";
import { savingRow } from "./saving.ts";

/** With more files than this left out, their list is folded under its count. */
const SHOWN_AT_ONCE = 4;
const KIND = { pdf: "PDF", markdown: "Markdown", text: "Text", html: "HTML", docx: "Word" } as const;
const DONE = { added: "added", replaced: "updated", unchanged: "already in the vault" } as const;

export interface Library {
  refresh(): Promise<void>;
  /** Adds what the person picks, unless something is being added. */
  add(kind: "file" | "directory"): void;
  /** Adds what the person dropped on the window. Where no window knows of it (a browser), they pick it when they can. */
  drop(canPick: boolean): void;
}

/** `drawn` is called whenever the list was drawn anew. */
export function startLibrary(vault: DocVault, drawn: () => Promise<void>): Library {
  const list = byId("documents", HTMLUListElement);
  const saving = byId("vault-save", HTMLDivElement);
  saving.append(savingRow("this vault", (format) => vault.saveVault(format)));
  const buttons = [byId("add-files", HTMLButtonElement), byId("add-folder", HTMLButtonElement)];

  let isBusy = false;
  /** Said and not `disabled`: that would take the keyboard off the button that was pressed. */
  const setBusy = (busy: boolean): void => {
    isBusy = busy;
    for (const button of buttons) button.setAttribute("aria-disabled", String(busy));
  };

  const refresh = async (focus?: () => void): Promise<void> => {
    const documents = await vault.documents();
    const items = await Promise.all(documents.map((document) => item(vault, document, refresh)));
    list.replaceChildren(...items);
    byId("empty", HTMLParagraphElement).hidden = documents.length > 0;
    saving.hidden = documents.length === 0;
    focus?.(); // at once: until then the keyboard is nowhere
    await drawn();
  };

  const importBy = async (take: (options: ImportOptions) => Promise<Outcome[] | undefined>): Promise<void> => {
    const stop = new AbortController();
    const panel = byId("import", HTMLDivElement);
    const stopButton = byId("import-stop", HTMLButtonElement);
    const onStop = (): void => stop.abort();
    stopButton.addEventListener("click", onStop);
    setBusy(true);
    try {
      const outcomes = await take({
        signal: stop.signal,
        onProgress: ({ done, total, name }) => {
          panel.hidden = false;
          byId("import-bar", HTMLProgressElement).value = done / total;
          byId("import-text", HTMLParagraphElement).textContent = `${done + 1} of ${total}: ${shownName(name)}`;
        },
      });
      if (outcomes && outcomes.length > 0) showReport(outcomes);
    } catch (error) {
      showNotice(error);
    } finally {
      panel.hidden = true;
      stopButton.removeEventListener("click", onStop);
      setBusy(false);
      await refresh();
    }
  };
  const add = (kind: "file" | "directory"): void => {
    if (!isBusy) void importBy((options) => vault.importFrom(kind, options));
  };
  const drop = (canPick: boolean): void => {
    if (!isBusy) void importBy(async (options) => (await vault.importDropped(options)) ?? (canPick ? vault.importFrom("file", options) : undefined));
  };
  buttons[0]?.addEventListener("click", () => add("file"));
  buttons[1]?.addEventListener("click", () => add("directory"));
  return { refresh, add, drop };
}

async function item(vault: DocVault, document: StoredDocument, refresh: (focus?: () => void) => Promise<void>): Promise<HTMLLIElement> {
  const name = shownName(document.name);
  const pages = document.kind === "pdf" ? ` · ${document.pages} ${document.pages === 1 ? "page" : "pages"}` : "";
  const remove = make("button", { class: "quiet remove", text: "Remove", title: `Remove ${name} from the vault` });
  remove.setAttribute("aria-label", `Remove ${name}`);
  remove.addEventListener("click", () => {
    if (remove.getAttribute("aria-disabled") === "true") return;
    // A second press is asked for in place: a dialog would take the list out of sight.
    if (remove.dataset["sure"] !== "yes") {
      remove.dataset["sure"] = "yes";
      remove.textContent = "Really remove?";
      remove.addEventListener("blur", () => {
        delete remove.dataset["sure"];
        remove.textContent = "Remove";
      }, { once: true });
      return;
    }
    remove.setAttribute("aria-disabled", "true"); // `disabled` would take the keyboard off it
    const place = [...byId("documents", HTMLUListElement).querySelectorAll("button.remove")].indexOf(remove);
    vault.remove(document).catch(showNotice).then(() => refresh(() => focusAt(place))).catch(showNotice);
  });
  const facts = make("div", {
    class: "facts",
    children: [make("span", { text: `${KIND[document.kind]}${pages} · ${size(document.size)}` }), remove],
  });
  const problems = (await vault.problems(document.id)).map(({ message }) => make("p", { class: "problem", text: message }));
  return make("li", { children: [make("p", { class: "name", text: name }), facts, ...problems] });
}

/** The keyboard goes on with the document that took the place of the one that is gone. */
function focusAt(place: number): void {
  const left = byId("documents", HTMLUListElement).querySelectorAll<HTMLButtonElement>("button.remove");
  (left[Math.min(place, left.length - 1)] ?? byId("add-files", HTMLButtonElement)).focus();
}

function showReport(outcomes: readonly Outcome[]): void {
  const failures = outcomes.filter((outcome) => outcome.status === "failed");
  const counts = (["added", "replaced", "unchanged"] as const)
    .map((status) => [outcomes.filter((outcome) => outcome.status === status).length, DONE[status]] as const)
    .filter(([count]) => count > 0)
    .map(([count, words]) => `${count} ${words}`);
  byId("report-sum", HTMLParagraphElement).textContent = counts.length > 0 ? counts.join(", ") : "Nothing was added.";
  const left = byId("report-left", HTMLDetailsElement);
  left.hidden = failures.length === 0;
  left.open = failures.length <= SHOWN_AT_ONCE;
  byId("report-count", HTMLElement).textContent = `${failures.length} not read`;
  byId("report-list", HTMLUListElement).replaceChildren(
    ...failures.map(({ name, problems }) =>
      make("li", { text: `${shownName(name)}: ${problems.map(({ message }) => message).join(" ")}` }),
    ),
  );
  byId("report", HTMLElement).hidden = false;
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 1024 * 1024 ? [bytes / 1024, "kB"] : [bytes / 1024 / 1024, "MB"];
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}
