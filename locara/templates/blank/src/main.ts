/** Starts the page: shows the notes and keeps new ones. */

import { app, db } from "#locara-sdk";

import { keep, newest } from "./notes.ts";

const byId = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function notice(text: string): void {
  byId("notice").textContent = text;
}

async function show(): Promise<void> {
  const items = (await newest(db)).map((note) => {
    const item = document.createElement("li");
    item.textContent = note.body;
    return item;
  });
  byId("notes").replaceChildren(...items);
}

byId("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId("body") as HTMLInputElement;
  keep(db, input.value)
    .then(show)
    .then(() => {
      input.value = "";
    })
    .catch((error: Error) => notice(error.message));
});

app
  .info()
  .then((info) => notice("net" in info.capabilities ? "May use the network" : "No network: notes stay here"))
  .then(show)
  .catch((error: Error) => notice(error.message));
