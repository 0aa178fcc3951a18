"""The one channel between page and process: whole frames out, whole frames in.

The script runs in the top frame of `locara://app/` only, before anything of the page, and keeps the token and
the functions it needs in its closure. A sub-frame, another origin or a page that found the message handler by
itself has no token, and what it posts is dropped and reported.

Each document gives its calls ids of its own on the wire, so that a page and what it was before a reload never
take each other's answers; what a document leaves open is cancelled when it goes.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Final

HANDLER: Final = "locara"
ORIGIN: Final = "locara://app/"
MAX_FRAME: Final = 16 * 1024 * 1024

_SCRIPT: Final = """(() => {
  "use strict";
  const handler = %(handler)s, post = handler.postMessage.bind(handler);
  const { stringify, parse } = JSON, token = %(token)s, limit = %(limit)d;
  const method = (type, name) => Function.prototype.call.bind(type.prototype[name]);
  const shift = method(Array, "shift"), push = method(Array, "push");
  const get = method(Map, "get"), set = method(Map, "set"), drop = method(Map, "delete"), each = method(Map, "forEach");
  const measure = TextEncoder.prototype.encode.bind(new TextEncoder());
  const load = crypto.randomUUID();
  const theirs = new Map(), ours = new Map(), waiting = [];
  let receive, closed, ended, next = 0;
  const deliver = (frame) => { if (receive) receive(frame); else push(waiting, frame); };
  const refuse = (id, code, message) => deliver({ id, ok: false, error: { code, message } });
  const cancel = (own) => post(token + stringify({ cancel: own }));
  const port = {
    send(frame) {
      if (ended) return;
      if ("cancel" in frame) {
        const own = get(ours, frame.cancel);
        if (own) cancel(own);
        return;
      }
      if (get(ours, frame.id)) return refuse(frame.id, "bad_request", "this id belongs to a call that is still open");
      const own = load + "." + ++next, text = stringify({ ...frame, id: own });
      if (text.length * 3 > limit && measure(text).length > limit)
        return refuse(frame.id, "payload_too_large", "the call is larger than 16 MiB");
      set(theirs, own, frame.id);
      set(ours, frame.id, own);
      post(token + text);
    },
    listen(onFrame, onClosed) {
      receive = onFrame;
      closed = onClosed;
      while (waiting.length) receive(shift(waiting));
      if (ended) closed(ended);
    },
  };
  const inbox = (key, texts, reason) => {
    if (key !== token) return;
    if (reason) { ended = reason; closed?.(reason); return; }
    for (const frame of parse(texts)) {
      const id = get(theirs, frame.id);
      if (id === undefined) continue;
      if (!("event" in frame)) { drop(theirs, frame.id); drop(ours, id); }
      frame.id = id;
      deliver(frame);
    }
  };
  addEventListener("pagehide", () => each(theirs, (_id, own) => cancel(own)));
  Object.defineProperty(window, "__locara", { value: Object.freeze(port) });
  Object.defineProperty(window, "__locara_inbox", { value: inbox });
})();
"""
DELIVER: Final = "__locara_inbox(key, frames, reason)"
"""The body of the function that hands frames to a page; its arguments are key, frames and reason."""


class Bridge:
    """The token of one page load. A new document gets a new one."""

    def __init__(self, handler: str = f"webkit.messageHandlers.{HANDLER}") -> None:
        """``handler`` is the expression by which a page reaches what takes its messages."""
        self.token = secrets.token_hex(32)
        self._handler = handler

    @property
    def script(self) -> str:
        """What runs in the page before anything else does."""
        return _SCRIPT % {"handler": self._handler, "token": json.dumps(self.token), "limit": MAX_FRAME}

    def frame_of(self, message: object) -> bytes | None:
        """The frame in a message of the page, None when it does not carry the token."""
        if not isinstance(message, str):
            return None
        data = message.encode("utf-8", "surrogatepass")
        token = self.token.encode()
        if not hmac.compare_digest(data[: len(token)], token):
            return None
        return data[len(token) :]
