/** The row of buttons that saves something, one for each format. */

import { FORMATS, type Format } from "../export.ts";
import { make, shownName } from "./dom.ts";
import { showNotice, tell } from "./notice.ts";

const NAMES: Readonly<Record<Format, string>> = { md: "Markdown", json: "JSON" };

/** `what` is what is saved, in words; `save` gives the name, undefined when cancelled. */
export function savingRow(what: string, save: (format: Format) => Promise<string | undefined>): HTMLDivElement {
  const buttons = FORMATS.map((format) => {
    const button = make("button", { class: "quiet", text: NAMES[format] });
    button.setAttribute("aria-label", `Save ${what} as ${NAMES[format]}`);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      save(format)
        .then((name) => {
          if (name !== undefined) tell(`Saved as ${shownName(name)}`);
        })
        .catch(showNotice)
        .finally(() => button.setAttribute("aria-disabled", "false"));
    });
    return button;
  });
  return make("div", { class: "saving", children: [make("span", { text: `Save ${what} as` }), ...buttons] });
}
