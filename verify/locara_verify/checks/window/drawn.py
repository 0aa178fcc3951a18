"""The page before an app, drawn by the engine, run on its own by the system's Python: what a person sees and what their
answers say.

Input is a list of states as a launcher tells them; output is, for each, the lines that are seen and the calls that the
page makes for each answer. Arguments: where the product is imported from, and the folder of the page.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_MOST_SECONDS = 60
_LAUNCHER = """
  window.__sent = [];
  window.__locara = {
    send(frame) { if (frame.cmd === "first.watch") window.__watch = frame.id; else window.__sent.push(frame); },
    listen(hear) { window.__hear = hear; },
  };
"""
_LOOK = """
  window.__hear({ id: window.__watch, event: JSON.parse(state) });
  await new Promise((done) => setTimeout(done, 30));
  const seen = (one) => one.checkVisibility() && one.getBoundingClientRect().height > 0;
  const lines = {};
  for (const id of ["title", "may", "may-not", "models", "changes"]) {
    const part = document.getElementById(id);
    const items = id === "title" ? [part] : [...part.children];
    lines[id] = seen(part) ? items.filter(seen).map((one) => one.innerText) : [];
    lines[id + " parts"] = items.reduce((count, one) => count + one.childElementCount, 0);
  }
  const said = {};
  for (const id of ["yes", "no"]) {
    window.__sent = [];
    document.getElementById(id).click();
    said[id] = window.__sent.map(({ cmd, args }) => [cmd, args]);
  }
  window.__sent = [];
  dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  said.escape = window.__sent.map(({ cmd, args }) => [cmd, args]);
  return JSON.stringify({ lines, said });
"""


def main() -> None:
    """Draw the page once and show it every state."""
    sys.path.insert(0, sys.argv[1])
    import gi  # noqa: PLC0415 - the system's Python has it, the verifier's has not

    gi.require_version("Gtk", "3.0")
    gi.require_version("Soup", "3.0")
    gi.require_version("WebKit2", "4.1")
    from gi.repository import GLib, Gtk, WebKit2  # noqa: PLC0415 - versions come first

    from locara.ui.webkit import files, responses  # noqa: PLC0415

    states: list[dict[str, Any]] = json.load(sys.stdin)
    told: list[Any] = []
    context = WebKit2.WebContext.new_ephemeral()
    context.register_uri_scheme(
        "locara",
        lambda asked: responses.finish(asked, files.serve(sys.argv[2], asked.get_uri(), "first-run.html")),
    )
    content = WebKit2.UserContentManager()
    top, start = WebKit2.UserContentInjectedFrames.TOP_FRAME, WebKit2.UserScriptInjectionTime.START
    content.add_script(WebKit2.UserScript.new(_LAUNCHER, top, start, None, None))
    view = WebKit2.WebView(web_context=context, user_content_manager=content)

    def look() -> None:
        if len(told) == len(states):
            Gtk.main_quit()
            return
        arguments = GLib.Variant("a{sv}", {"state": GLib.Variant("s", json.dumps(states[len(told)]))})
        view.call_async_javascript_function(_LOOK, -1, arguments, None, None, None, seen)

    def seen(_view: Any, result: Any) -> None:  # noqa: ANN401 - what the engine gives
        try:
            told.append(json.loads(view.call_async_javascript_function_finish(result).to_string()))
        except GLib.Error as error:
            told.append({"failed": str(error)})
        look()

    def loaded(_view: Any, event: Any) -> None:  # noqa: ANN401 - as above
        if event == WebKit2.LoadEvent.FINISHED:
            look()

    view.connect("load-changed", loaded)
    window = Gtk.Window()
    window.set_default_size(860, 2_000)
    window.add(view)
    window.show_all()
    view.load_uri("locara://app/first-run.html")
    GLib.timeout_add_seconds(_MOST_SECONDS, Gtk.main_quit)
    Gtk.main()
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
