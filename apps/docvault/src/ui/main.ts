/** Starts the page: connects to the runtime, opens the vault, wires the panes. */

import { createLocara, WindowTransport } from "@locara/sdk";
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";

import { openDocVault } from "../docvault.ts";
import { createPdfReader } from "../pdf.ts";
import { startConversation } from "./conversation.ts";
import { byId } from "./dom.ts";
import { startLibrary } from "./library.ts";
import { showNotice } from "./notice.ts";
import { startVaults } from "./vaults.ts";
import { startViewer } from "./viewer.ts";

pdfjs.GlobalWorkerOptions.workerSrc = new URL("pdf.worker.min.mjs", import.meta.url).href;

async function start(): Promise<void> {
  const locara = createLocara(WindowTransport.ofWindow());
  const pdf = createPdfReader(pdfjs, { cMapUrl: new URL("cmaps/", import.meta.url).href });
  const vault = await openDocVault(locara, pdf);
  const viewer = startViewer(vault);
  const library = startLibrary(vault, () => vaults.refresh());
  startConversation(vault, viewer.show);
  const vaults = startVaults(vault, () => library.refresh());
  startKeys(library.add);
  startDrops(library.drop);
  await library.refresh();
  const { capabilities, models } = await locara.app.info();
  const network = "net" in capabilities ? "May use the network" : "No network";
  byId("privacy", HTMLParagraphElement).textContent = `${network} · ${models.length} models on this machine`;
  byId("question", HTMLInputElement).focus();
}

/** One letter each, where nobody is typing. */
function startKeys(add: (kind: "file" | "directory") => void): void {
  const keys: Readonly<Record<string, () => void>> = {
    a: () => add("file"),
    f: () => add("directory"),
    v: () => byId("vault", HTMLSelectElement).focus(),
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const typing = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
    const act = typing || event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** The page is told that something was dropped and not what: the runtime hands the files over when the person agrees. */
function startDrops(add: (canPick: boolean) => void): void {
  const sign = byId("drop", HTMLDivElement);
  const has = ({ dataTransfer }: DragEvent, type: string): boolean => dataTransfer?.types.includes(type) === true;
  const hasFiles = (event: DragEvent): boolean => has(event, "Files") || has(event, "text/uri-list");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    sign.hidden = !hasFiles(event);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) sign.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    sign.hidden = true;
    if (hasFiles(event)) add(has(event, "Files"));
  });
}

start().catch(showNotice);
