/** A cited page as it was read, with the cited sentence marked. */

import type { DocVault } from "../docvault.ts";
import { byId, make, shownName } from "./dom.ts";

export interface Place {
  readonly document: number;
  readonly name: string;
  readonly page: number;
  readonly passage: number;
  readonly quote: string;
}

export function startViewer(vault: DocVault): { show(place: Place): Promise<void> } {
  const dialog = byId("viewer", HTMLDialogElement);
  byId("viewer-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  return {
    async show({ document, name, page, passage, quote }) {
      const passages = await vault.page(document, page);
      const children: HTMLElement[] = [];
      let heading = "";
      for (const part of passages) {
        if (part.heading !== heading) children.push(make("h3", { text: part.heading }));
        heading = part.heading;
        const text = part.id === passage ? marked(part.text, quote) : [new Text(part.text)];
        children.push(make("p", { class: part.kind, children: text }));
      }
      byId("viewer-title", HTMLHeadingElement).textContent = shownName(name);
      byId("viewer-page", HTMLParagraphElement).textContent = `Page ${page}, as DocVault read it`;
      byId("viewer-text", HTMLDivElement).replaceChildren(...children);
      dialog.showModal();
      dialog.querySelector("mark")?.scrollIntoView({ block: "center" });
    },
  };
}


function marked(text: string, quote: string): Node[] {
  const at = text.indexOf(quote);
  if (quote === "" || at === -1) return [make("mark", { text })];
  return [
    new Text(text.slice(0, at)),
    make("mark", { text: quote }),
    new Text(text.slice(at + quote.length)),
  ];
}
