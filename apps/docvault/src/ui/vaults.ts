/** Which vault is open, a new one, and the end of one. */

import type { DocVault } from "../docvault.ts";
import { byId, make, shownName } from "./dom.ts";
import { showNotice } from "./notice.ts";

const SURE_MS = 4000;

/** `changed` draws what belongs to the vault that is open now. */
export function startVaults(vault: DocVault, changed: () => Promise<void>): { refresh(): Promise<void> } {
  const choice = byId("vault", HTMLSelectElement);
  const form = byId("vault-form", HTMLFormElement);
  const name = byId("vault-name", HTMLInputElement);

  const refresh = async (): Promise<void> => {
    const options = (await vault.vaults()).map(({ id, name: own, documents }) => {
      const option = make("option", { text: `${shownName(own)} (${documents})` });
      option.value = String(id);
      option.selected = id === vault.vault;
      return option;
    });
    choice.replaceChildren(...options);
  };
  const after = (work: Promise<void>): void => {
    work.then(changed).catch((error: unknown) => {
      showNotice(error);
      void refresh();
    });
  };
  choice.addEventListener("change", () => {
    vault.chooseVault(Number(choice.value));
    after(Promise.resolve());
  });
  const opener = byId("vault-new", HTMLButtonElement);
  const setOpen = (open: boolean): void => {
    form.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
  };
  opener.addEventListener("click", () => {
    setOpen(form.hidden !== false);
    if (!form.hidden) name.focus();
  });
  form.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    setOpen(false);
    opener.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = name.value.trim();
    if (text === "") return;
    setOpen(false);
    name.value = "";
    choice.focus();
    after(vault.createVault(text));
  });
  startRemoval(byId("vault-remove", HTMLButtonElement), () => after(vault.removeVault(vault.vault)));
  return { refresh };
}

/** A second press is asked for in place, and only for a moment. */
function startRemoval(button: HTMLButtonElement, remove: () => void): void {
  const words = button.textContent;
  let timer = 0;
  const calm = (): void => {
    window.clearTimeout(timer);
    timer = 0;
    button.textContent = words;
  };
  button.addEventListener("blur", calm);
  button.addEventListener("click", () => {
    const sure = timer !== 0;
    calm();
    if (sure) return remove();
    button.textContent = "Really delete it all?";
    timer = window.setTimeout(calm, SURE_MS);
  });
}
