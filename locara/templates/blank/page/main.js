/** Starts the page: shows the notes and keeps new ones. */

import { app, db } from "./locara-sdk/index.js";

import { keep, newest } from "./notes.js";

const byId = (id        )              => document.getElementById(id)               ;

function notice(text        )       {
  byId("notice").textContent = text;
}

async function show()                {
  const items = (await newest(db)).map((note) => {
    const item = document.createElement("li");
    item.textContent = note.body;
    return item;
  });
  byId("notes").replaceChildren(...items);
}

byId("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId("body")                    ;
  keep(db, input.value)
    .then(show)
    .then(() => {
      input.value = "";
    })
    .catch((error       ) => notice(error.message));
});

app
  .info()
  .then((info) => notice("net" in info.capabilities ? "May use the network" : "No network: notes stay here"))
  .then(show)
  .catch((error       ) => notice(error.message));
