/** Starts the page: connects to the runtime, opens the vault, wires the panes. */

import { createLocara, WindowTransport } from "@locara/sdk";
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";

import { openDocVault } from "../docvault.ts";
import { createPdfReader } from "../pdf.ts";
import { startConversation } from "./conversation.ts";
import { byId } from "./dom.ts";
import { startLibrary } from "./library.ts";
import { showNotice } from "./notice.ts";
import { startViewer } from "./viewer.ts";

pdfjs.GlobalWorkerOptions.workerSrc = new URL("pdf.worker.min.mjs", import.meta.url).href;

async function start(): Promise<void> {
  const locara = createLocara(WindowTransport.ofWindow());
  const pdf = createPdfReader(pdfjs, { cMapUrl: new URL("cmaps/", import.meta.url).href });
  const vault = await openDocVault(locara, pdf);
  const viewer = startViewer(vault);
  const library = startLibrary(vault);
  startConversation(vault, viewer.show);
  await library.refresh();
  const { capabilities, models } = await locara.app.info();
  const network = "net" in capabilities ? "May use the network" : "No network";
  byId("privacy", HTMLParagraphElement).textContent = `${network} · ${models.length} models on this machine`;
  byId("question", HTMLInputElement).focus();
}

start().catch(showNotice);
