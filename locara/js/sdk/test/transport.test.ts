import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { CapabilityDenied, createLocara, LocaraError, WindowTransport, type FramePort, type JsonObject } from "../src/index.ts";
import { NodeTransport } from "../src/node.ts";

const PEER = fileURLToPath(new URL("peer.mjs", import.meta.url));

function startPeer(): NodeTransport {
  return new NodeTransport({ command: [process.execPath, PEER] });
}

const DENIED = {
  code: "capability_denied",
  message: "model is not declared",
  capability: "models",
  because: "locara.json declares no model named m",
  fix: '"models": ["m@sha256:..."]',
};

test("NodeTransport: calls in flight at once get their own replies", async () => {
  const transport = startPeer();
  const replies = await Promise.all([1, 2, 3].map((n) => transport.call("echo", { n })));
  assert.deepEqual(replies, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  await transport.close();
  await transport.close();
  await assert.rejects(transport.call("echo", {}), { code: "transport_closed" });
});

test("NodeTransport: events come in order and before the reply", async () => {
  const transport = startPeer();
  const seen: unknown[] = [];
  await transport.call("count", { to: 500 }, { onEvent: (event) => seen.push(event["text"]) });
  assert.deepEqual(seen, Array.from({ length: 500 }, (_, n) => String(n)));
  await transport.close();
});

test("NodeTransport: a denial carries capability, because and fix", async () => {
  const transport = startPeer();
  await assert.rejects(transport.call("denied", DENIED), (error) => {
    assert.ok(error instanceof CapabilityDenied);
    const { code, message, capability, because, fix } = error;
    assert.deepEqual({ code, message, capability, because, fix }, DENIED);
    return true;
  });
  await assert.rejects(transport.call("denied", { ...DENIED, code: "unknown_command" }), CapabilityDenied);
  for (const error of [{ code: "unknown_command", message: "no such command" }, { code: "busy" }, null, {}]) {
    await assert.rejects(
      transport.call("denied", error as JsonObject),
      (caught) => caught instanceof LocaraError && !(caught instanceof CapabilityDenied),
    );
  }
  await transport.close();
});

test("NodeTransport: abort rejects with the reason and cancels at the runtime", async () => {
  const transport = startPeer();
  const stop = new AbortController();
  const call = transport.call("never", {}, { signal: stop.signal });
  const reason = new Error("the person pressed Stop");
  stop.abort(reason);
  await assert.rejects(call, reason);
  assert.deepEqual(await transport.call("cancelled", {}), [1]);
  await assert.rejects(transport.call("echo", {}, { signal: stop.signal }), reason);
  await transport.close();
});

test("NodeTransport: a runtime that dies fails the calls in flight with what it said", async () => {
  const transport = startPeer();
  const waiting = transport.call("never", {});
  const dying = transport.call("die", {});
  await assert.rejects(waiting, { code: "transport_closed", message: /exit code 3.*damaged/s });
  await assert.rejects(dying, { code: "transport_closed" });
  await transport.close();
});

test("NodeTransport: garbage from the runtime ends the connection", async () => {
  const transport = startPeer();
  await assert.rejects(transport.call("garbage", {}), { code: "bad_frame" });
  await assert.rejects(transport.call("echo", {}), { code: "bad_frame" });
  await transport.close();
});

test("NodeTransport: a program that is not there", async () => {
  const transport = new NodeTransport({ command: ["/nonexistent/locara"] });
  await assert.rejects(transport.call("echo", {}), { code: "transport_closed", message: /did not start/ });
  await transport.close();
});

/** A FramePort over a real MessageChannel; `answer` plays the runtime at its other end. */
function startPort(answer: (frame: JsonObject, reply: (frame: JsonObject) => void) => void): FramePort {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = ({ data }) => answer(data as JsonObject, (frame) => port2.postMessage(frame));
  return {
    send: (frame) => port1.postMessage(frame),
    listen: (receive) => {
      port1.onmessage = ({ data }) => receive(data);
    },
    close: () => port1.close(),
  };
}

test("WindowTransport: the same frames over a message port", async () => {
  const transport = new WindowTransport(
    startPort(({ id, cmd }, reply) => {
      if (cmd === "llm.chat") {
        for (const text of ["The ", "end."]) reply({ id, event: { type: "delta", text } });
        const usage = { inputTokens: 3, outputTokens: 2, reasoningTokens: 0, msTotal: 5, msFirstToken: 1 };
        reply({ id, ok: true, result: { content: "The end.", finishReason: "stop", usage } });
      } else reply({ id, ok: false, error: { ...DENIED, code: "unknown_command" } });
    }),
  );
  const { llm, fs } = createLocara(transport);
  const stream = llm.chatStream({ model: "m", messages: [{ role: "user", content: "?" }] });
  const parts: string[] = [];
  for await (const { content } of stream) parts.push(content);
  assert.deepEqual(parts, ["The ", "end."]);
  const usage = { input_tokens: 3, output_tokens: 2, reasoning_tokens: 0, ms_total: 5, ms_first_token: 1 };
  assert.deepEqual(await stream.result, { content: "The end.", finishReason: "stop", usage, toolCalls: [], refusedCalls: [] });
  await assert.rejects(fs.list("$APP_DATA", ""), CapabilityDenied);
  await transport.close();
});

test("WindowTransport: a reply that is no frame closes the connection", async () => {
  const transport = new WindowTransport(startPort((_, reply) => reply("boo" as unknown as JsonObject)));
  await assert.rejects(transport.call("app.info", {}), { code: "bad_frame" });
  await transport.close();
});

test("WindowTransport: a page Locara did not open has no bridge", () => {
  assert.throws(() => WindowTransport.ofWindow(), { code: "not_connected" });
});
