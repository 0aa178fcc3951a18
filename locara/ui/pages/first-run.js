// The page before an app: shows what the app asks for, brings the answer back, and shows models arriving.
// It runs in the window's sandbox and talks to the launcher, never to an app.

const byId = (id) => document.getElementById(id);
const port = window.__locara;
const waiting = new Map();
let next = 1;
let question = 0; // the number of what is asked: an answer names it

function call(cmd, args = {}, onEvent) {
  return new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, { resolve, reject, onEvent });
    port.send({ id, cmd, args });
  });
}

port.listen(
  (frame) => {
    const open = waiting.get(frame.id);
    if (!open) return;
    if ("event" in frame) return open.onEvent?.(frame.event);
    waiting.delete(frame.id);
    if (frame.ok) open.resolve(frame.result);
    else open.reject(new Error(frame.error.message));
  },
  () => show("done"),
);

function show(name) {
  for (const part of document.querySelectorAll("main")) part.hidden = part.id !== name;
}

function list(id, lines) {
  byId(id).replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

const draw = {
  consent(state) {
    const update = state.changes.length > 0;
    byId("kicker").textContent = update ? "This update asks for more" : "Before this app starts for the first time";
    byId("title").textContent = state.title;
    byId("changes-part").hidden = !update;
    byId("models-part").hidden = state.models.length === 0;
    list("changes", state.changes);
    list("may", state.may);
    list("may-not", state.may_not);
    list("models", state.models);
    show("consent");
    byId("title").focus();
  },
  download(state) {
    byId("model-name").textContent = `${state.name} (${state.number} of ${state.count})`;
    byId("bar").value = state.size ? state.done / state.size : 0;
    byId("model-detail").textContent =
      state.problem || `${megabytes(state.done)} of ${megabytes(state.size)}, licence ${state.license}, from ${state.origin}`;
    byId("download-note").textContent = state.paused ? "Paused. What has arrived is kept." : "";
    byId("pause").textContent = state.problem ? "Try again" : state.paused ? "Go on" : "Pause";
    if (byId("download").hidden) {
      show("download");
      byId("download-title").focus();
    }
  },
  done: () => show("done"),
};

byId("yes").addEventListener("click", () => call("first.answer", { agree: true, question }));
byId("no").addEventListener("click", () => call("first.answer", { agree: false, question }));
byId("pause").addEventListener("click", () => call("first.pause", { question }));
byId("stop").addEventListener("click", () => call("first.stop", { question }));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("consent").hidden) call("first.answer", { agree: false, question });
});

call("first.watch", {}, (state) => {
  question = state.question;
  draw[state.step](state);
});
