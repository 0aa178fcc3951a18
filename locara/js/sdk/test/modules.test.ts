import assert from "node:assert/strict";
import { test } from "node:test";

import { createLocara, createStream, FileTooLarge, LocaraError, MAX_PUSH_SAMPLES, type CallOptions, type Json, type JsonObject } from "../src/index.ts";

/** Records calls and answers them with `answer`: what the modules put on the wire, and what they make of replies. */
function record(answer: (cmd: string, args: JsonObject) => Json): {
  locara: ReturnType<typeof createLocara>;
  calls: [string, JsonObject][];
} {
  const calls: [string, JsonObject][] = [];
  const locara = createLocara({
    async call(cmd: string, args: JsonObject, _options?: CallOptions) {
      calls.push([cmd, JSON.parse(JSON.stringify(args)) as JsonObject]);
      return answer(cmd, args);
    },
    close: async () => undefined,
  });
  return { locara, calls };
}

test("db.query gives objects and sends vectors as number arrays", async () => {
  const { locara, calls } = record(() => ({ columns: ["id", "name"], rows: [[1, "a"], [2, null]] }));
  const rows = await locara.db.query("SELECT ?", [Float32Array.of(0.5, 1)]);
  assert.deepEqual(rows, [{ id: 1, name: "a" }, { id: 2, name: null }]);
  await locara.db.query("SELECT :v", { v: Float32Array.of(2) });
  assert.deepEqual(calls, [
    ["db.query", { sql: "SELECT ?", params: [[0.5, 1]] }],
    ["db.query", { sql: "SELECT :v", params: { v: [2] } }],
  ]);
});

test("embed.create keeps order across calls of 64 texts", async () => {
  const { locara, calls } = record((_, args) => ({
    vectors: (args["texts"] as string[]).map((text) => [Number(text)]),
    dimensions: 1,
  }));
  const texts = Array.from({ length: 130 }, (_, n) => String(n));
  const vectors = await locara.embed.create({ model: "m", texts });
  assert.deepEqual(vectors.map((vector) => vector[0]), texts.map(Number));
  assert.deepEqual(calls.map(([, args]) => (args["texts"] as string[]).length), [64, 64, 2]);
});

test("fs.readBytes joins slices and stops at the limit", async () => {
  const whole = Uint8Array.from({ length: 10 }, (_, n) => n);
  const answer = (_: string, args: JsonObject): Json => {
    const at = args["offset"] as number;
    const data = Buffer.from(whole.subarray(at, at + 4)).toString("base64");
    return { data, size: 10, eof: at + 4 >= 10 };
  };
  assert.deepEqual(await record(answer).locara.fs.readBytes("h", ""), whole);
  await assert.rejects(record(answer).locara.fs.readBytes("h", "", { maxBytes: 9 }), FileTooLarge);
});

test("fs.writeBytes writes an empty file once and a long one in appends", async () => {
  const { locara, calls } = record(() => null);
  await locara.fs.writeBytes("$APP_DATA", "a", new Uint8Array(0), "create");
  await locara.fs.writeBytes("$APP_DATA", "b", new Uint8Array(5 * 1024 * 1024), "create");
  assert.deepEqual(calls.map(([, args]) => [args["path"], args["mode"]]), [["a", "create"], ["b", "create"], ["b", "append"]]);
});

test("settings.get falls back only when the key was never set", async () => {
  const { locara } = record((_, args) => ({ value: null, found: args["key"] === "stored-null" }));
  assert.equal(await locara.settings.get<Json>("absent", 7), 7);
  assert.equal(await locara.settings.get<Json>("stored-null", 7), null);
});

test("settings.subscribe tells changes in order until it is ended, and that some were missed", async () => {
  const seen: unknown[] = [];
  let options: CallOptions | undefined;
  const locara = createLocara({
    call: (_cmd, _args, given) => {
      options = given;
      return new Promise<Json>((_, reject) => given?.signal?.addEventListener("abort", () => reject(given.signal?.reason)));
    },
    close: async () => undefined,
  });
  const end = locara.settings.subscribe((change) => seen.push(change.key), { onMissed: (count) => seen.push(count) });
  const told = { scope: "user", found: true, value: 1 };
  options?.onEvent?.({ type: "subscribed", subscription: "s" });
  options?.onEvent?.({ type: "changed", key: "a", ...told });
  options?.onEvent?.({ type: "missed", count: 7 });
  options?.onEvent?.({ type: "changed", key: "b", ...told });
  assert.deepEqual(seen, ["a", 7, "b"]);
  end();
  assert.equal(options?.signal?.aborted, true);
});

test("audio gives samples of 16 bits, and leaving its loop switches the device off", async () => {
  const data = Buffer.from([1, 0, 254, 255]).toString("base64");
  const { locara, calls } = record((cmd) =>
    cmd === "audio.open" ? { handle: "h", rate: 16_000, channels: 1 } : { data, samples: 2, dropped: 0, ended: false },
  );
  for await (const samples of await locara.audio.open({ source: "microphone" })) {
    assert.deepEqual([...samples], [1, -2]);
    break;
  }
  assert.deepEqual(calls.map(([cmd]) => cmd), ["audio.open", "audio.read", "audio.close"]);
});

test("transcribe.live hears the microphone to its end", async () => {
  const whole = { segments: [], text: "hello", duration: 1, language: "en", finishReason: "stop", usage: { outputTokens: 1, msTotal: 1 } };
  const segment = { start: 0, end: 1, text: "hello" };
  const answers: Record<string, Json> = {
    "audio.open": { handle: "h", rate: 16_000, channels: 1 },
    "audio.read": { data: "AAA=", samples: 1, dropped: 0, ended: true },
    "audio.close": {},
    "transcribe.open": { stream: "s" },
    "transcribe.push": { segments: [segment] },
    "transcribe.close": whole,
  };
  const { locara, calls } = record((cmd) => answers[cmd] ?? null);
  const live = locara.transcribe.live({ model: "m", source: "microphone" });
  const seen = [];
  for await (const one of live) seen.push(one);
  assert.deepEqual(seen, [segment]);
  assert.equal((await live.result).text, "hello");
  assert.deepEqual(calls.find(([cmd]) => cmd === "transcribe.open")?.[1], { model: "m", rate: 16_000 });
  assert.ok(calls.some(([cmd]) => cmd === "audio.close"));
});

test("the desktop modules put exactly what was asked on the wire", async () => {
  const { locara, calls } = record(() => ({ text: "t", mode: "none", granted: "passive", window: "open" }));
  assert.equal(await locara.clipboard.read(), "t");
  await locara.clipboard.write("x");
  await locara.notify.show({ title: "Done", sound: true });
  await locara.notify.badge(0);
  await locara.shell.openExternal("https://example.com/");
  await locara.background.begin("passive");
  assert.deepEqual(calls, [
    ["clipboard.read", {}],
    ["clipboard.write", { text: "x" }],
    ["notify.show", { modes: ["alert", "sound"], title: "Done", body: "" }],
    ["notify.show", { modes: ["badge"], badge: 0 }],
    ["shell.openExternal", { url: "https://example.com/" }],
    ["background.begin", { mode: "passive" }],
  ]);
});

test("tools.invoke names the tool and leaves out what was not given", async () => {
  const { locara, calls } = record(() => ({ output: 3, usage: { fuel: 1, ms: 0.1, memoryBytes: 65536 } }));
  assert.equal((await locara.tools.invoke({ tool: "count", input: [1, 2] })).output, 3);
  await locara.tools.invoke({ tool: "count", input: null, timeoutMs: 50 });
  assert.deepEqual(calls, [
    ["tools.invoke", { tool: "count", input: [1, 2] }],
    ["tools.invoke", { tool: "count", input: null, timeoutMs: 50 }],
  ]);
});

test("a stream ends by throwing what its work threw, after the items before it", async () => {
  const seen: number[] = [];
  const stream = createStream<number, void>(async (emit) => {
    emit(1);
    throw new Error("model ended");
  });
  await assert.rejects(async () => {
    for await (const item of stream) seen.push(item);
  }, /model ended/);
  assert.deepEqual(seen, [1]);
});

test("leaving a stream early aborts its work", async () => {
  let stopped: AbortSignal | undefined;
  const stream = createStream<number, void>(async (emit, signal) => {
    stopped = signal;
    emit(1);
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  for await (const item of stream) {
    assert.equal(item, 1);
    break;
  }
  assert.equal(stopped?.aborted, true);
  await assert.rejects(stream.result, { name: "AbortError" });
});

test("transcribe.fromFile yields segments and ends with the whole", async () => {
  const segment = { start: 0.3, end: 1.5, text: "Good morning everyone." };
  const whole = {
    segments: [segment],
    text: segment.text,
    duration: 2,
    language: "en",
    finishReason: "stop",
    usage: { outputTokens: 6, msTotal: 1 },
  };
  const locara = createLocara({
    async call(_cmd: string, _args: JsonObject, options?: CallOptions) {
      options?.onEvent?.({ type: "segment", ...segment });
      return whole;
    },
    close: async () => undefined,
  });
  const heard = locara.transcribe.fromFile({ model: "m", root: "$APP_DATA", path: "a.wav" });
  const seen = [];
  for await (const one of heard) seen.push(one);
  assert.deepEqual(seen, [segment]);
  assert.deepEqual(await heard.result, whole);
});

test("transcribe.stream sends little-endian samples in bounded pushes", async () => {
  const { locara, calls } = record((cmd) => (cmd === "transcribe.open" ? { stream: "s" } : { segments: [] }));
  const live = await locara.transcribe.stream({ model: "m", rate: 48_000 });
  await live.push(Int16Array.of(1, -2));
  await live.push(new Int16Array(MAX_PUSH_SAMPLES + 1));
  assert.deepEqual(calls[0], ["transcribe.open", { model: "m", rate: 48_000 }]);
  assert.deepEqual(calls[1], ["transcribe.push", { stream: "s", data: Buffer.from([1, 0, 254, 255]).toString("base64") }]);
  assert.deepEqual(calls.slice(2).map(([, args]) => (args["data"] as string).length), [1_398_104, 4]);
});

const USAGE = { inputTokens: 1, outputTokens: 2, reasoningTokens: 0, msTotal: 3, msFirstToken: 1 };
const ADD = { id: "c1", tool: "add", arguments: { a: 1 } };

/** A runtime whose model answers from a script, and whose tool adds one. */
function scripted(answers: JsonObject[], tool: (input: JsonObject) => Json = (input) => ({ output: (input["a"] as number) + 1, usage: {} })) {
  return record((cmd, args) => {
    if (cmd === "tools.invoke") return tool(args["input"] as JsonObject);
    return { content: "", finishReason: "stop", usage: USAGE, toolCalls: [], refusedCalls: [], ...answers.shift() };
  });
}

test("chatWithTools runs calls, gives outputs back and ends with the answer", async () => {
  const { locara, calls } = scripted([{ toolCalls: [ADD as unknown as Json] }, { content: "Two." }]);
  const found = await locara.llm.chatWithTools({ model: "m", messages: [{ role: "user", content: "1 + 1?" }], tools: ["add"] });
  assert.equal(found.endedBy, "answer");
  assert.equal(found.response.content, "Two.");
  assert.deepEqual(found.steps, [{ call: ADD, output: 2 }]);
  assert.deepEqual(calls.map(([cmd]) => cmd), ["llm.chat", "tools.invoke", "llm.chat"]);
  assert.deepEqual(calls[2]?.[1]["messages"], [
    { role: "user", content: "1 + 1?" },
    { role: "assistant", content: "", toolCalls: [ADD] },
    { role: "tool", content: "2", toolCallId: "c1" },
  ]);
});

test("chatWithTools is bounded, never runs a refused call, and tells the model of failures", async () => {
  const again = (): JsonObject => ({ toolCalls: [ADD as unknown as Json] });
  const endless = scripted(Array.from({ length: 9 }, again));
  const bounded = await endless.locara.llm.chatWithTools({ model: "m", messages: [], tools: ["add"] }, { maxTurns: 3 });
  assert.equal(bounded.endedBy, "turns");
  assert.equal(endless.calls.filter(([cmd]) => cmd === "llm.chat").length, 3);
  await assert.rejects(endless.locara.llm.chatWithTools({ model: "m", messages: [], tools: [] }, { maxTurns: 33 }), RangeError);

  const evil = { id: "c2", tool: "evil", arguments: {}, code: "capability_denied", because: "not declared", fix: "" };
  const refused = scripted([{ refusedCalls: [evil] }, { content: "Well." }]);
  const told = await refused.locara.llm.chatWithTools({ model: "m", messages: [], tools: ["add"] });
  assert.deepEqual(refused.calls.map(([cmd]) => cmd), ["llm.chat", "llm.chat"]);
  assert.equal(told.messages.at(-2)?.content, '{"error":"not declared"}');
  const unreadable = scripted([{ refusedCalls: [{ id: "c3", tool: "", code: "bad_request", because: "not JSON" }] }]);
  assert.equal((await unreadable.locara.llm.chatWithTools({ model: "m", messages: [], tools: ["add"] })).endedBy, "refused");

  const failing = scripted([again(), { content: "Oh." }], () => {
    throw new LocaraError("tool_error", "it failed");
  });
  const failed = await failing.locara.llm.chatWithTools({ model: "m", messages: [], tools: ["add"] });
  assert.deepEqual(failed.steps, [{ call: ADD, error: "it failed" }]);
  const asked = scripted([again(), { content: "Fine." }]);
  await asked.locara.llm.chatWithTools({ model: "m", messages: [], tools: ["add"] }, { onCall: () => false });
  assert.deepEqual(asked.calls.map(([cmd]) => cmd), ["llm.chat", "llm.chat"]);
});

test("llm.chatStream tells reasoning and answer apart", async () => {
  const locara = createLocara({
    async call(_cmd: string, _args: JsonObject, options?: CallOptions) {
      options?.onEvent?.({ type: "reasoning", text: "Hm." });
      options?.onEvent?.({ type: "delta", text: "Yes." });
      return { content: "Yes.", reasoning: "Hm.", finishReason: "stop", usage: USAGE };
    },
    close: async () => undefined,
  });
  const stream = locara.llm.chatStream({ model: "m", messages: [], thinking: true });
  const seen = [];
  for await (const delta of stream) seen.push(delta);
  assert.deepEqual(seen, [{ content: "", reasoning: "Hm." }, { content: "Yes.", reasoning: "" }]);
  assert.equal((await stream.result).reasoning, "Hm.");
});

test("ocr sends a picture as base64 and a file by its place, and leaves out what was not given", async () => {
  const { locara, calls } = record(() => ({ text: "a", pages: [], format: "png", languages: ["eng"] }));
  assert.equal((await locara.ocr.fromBytes(Uint8Array.of(1, 2, 3))).text, "a");
  await locara.ocr.fromFile({ root: "$APP_DATA", path: "a.png", languages: ["eng", "deu"], layout: "line" });
  assert.deepEqual(await locara.ocr.languages(), ["eng"]);
  assert.deepEqual(calls, [
    ["ocr.fromBytes", { data: "AQID" }],
    ["ocr.fromFile", { root: "$APP_DATA", path: "a.png", layout: "line", languages: ["eng", "deu"] }],
    ["ocr.languages", {}],
  ]);
});

test("pdf.render and tts.speak give bytes", async () => {
  const { locara, calls } = record((cmd) =>
    cmd === "pdf.render"
      ? { page: 2, width: 3, height: 4, data: "AQID" }
      : { data: "AQI=", rate: 22050, duration: 0.1, format: "pcm" },
  );
  assert.deepEqual(await locara.pdf.render({ root: "h", path: "", page: 2 }), {
    page: 2,
    width: 3,
    height: 4,
    png: Uint8Array.of(1, 2, 3),
  });
  assert.deepEqual(await locara.tts.speak({ text: "hi", format: "pcm" }), {
    data: Uint8Array.of(1, 2),
    rate: 22050,
    duration: 0.1,
    format: "pcm",
  });
  assert.deepEqual(calls, [
    ["pdf.render", { root: "h", path: "", page: 2 }],
    ["tts.speak", { text: "hi", format: "pcm" }],
  ]);
});

test("net.fetch sends bytes as base64 and gives the answer as bytes", async () => {
  const answer = { status: 201, headers: [["set-cookie", "a"], ["set-cookie", "b"]], body: Buffer.from("grün").toString("base64") };
  const { locara, calls } = record(() => answer);
  const got = await locara.net.fetch({ url: "https://api.example.com/", method: "POST", headers: { accept: "a" }, body: "ü", maxBytes: 9 });
  assert.deepEqual([got.status, got.headers, got.text()], [201, answer.headers, "grün"]);
  await locara.net.fetch({ url: "https://api.example.com/" });
  assert.deepEqual(calls, [
    ["net.fetch", { url: "https://api.example.com/", method: "POST", headers: { accept: "a" }, body: "w7w=", maxBytes: 9 }],
    ["net.fetch", { url: "https://api.example.com/", headers: {} }],
  ]);
});
