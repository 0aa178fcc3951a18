// Development only: shows the built page in an ordinary browser, connected to the real headless runtime.
//
//   npm run dev -- [--port 4870] [--data DIR] [--pick PATH ...] [--python PROGRAM]
//
// Listens on the loopback address alone. The page gets a token of this session in the address that is printed; every
// exchange of frames must carry it. The file picker of the runtime answers with the --pick paths, in their order.
import { spawn } from "node:child_process";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from "@locara/sdk";

const APP = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "4870" },
    data: { type: "string" },
    pick: { type: "string", multiple: true, default: [] },
    python: { type: "string", default: join(APP, "../../.venv/bin/python") },
  },
});
const HOST = `127.0.0.1:${values.port}`;
const TOKEN = randomBytes(24).toString("hex");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".png": "image/png" };
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; frame-src 'none'; " +
  "form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

const BRIDGE = `
const token = location.hash.slice(1);
const headers = { "x-locara-token": token };
let queue = Promise.resolve();
window.__locara = {
  send(frame) {
    queue = queue.then(() => fetch("/frames", { method: "POST", headers, body: JSON.stringify(frame) }));
  },
  async listen(receive, closed) {
    const response = await fetch("/frames", { headers });
    if (!response.ok) return closed("the development bridge refused this page: open the address it printed");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let open = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return closed("the runtime has ended");
      const lines = (open + value).split("\\n");
      open = lines.pop();
      for (const line of lines) receive(JSON.parse(line));
    }
  },
};`;

// Whoever starts the development page agrees to what their app asks for.
const argv = ["-m", "locara", "run", "--headless", "--accept-consent", APP];
if (values.data) argv.push("--data", values.data);
for (const path of values.pick) argv.push("--pick", path);
const runtime = spawn(values.python, argv, { stdio: ["pipe", "pipe", "inherit"] });
const decoder = new FrameDecoder();
const listeners = new Set();
runtime.stdout.on("data", (bytes) => {
  for (const frame of decoder.push(bytes)) for (const listener of listeners) listener.write(`${JSON.stringify(frame)}\n`);
});
runtime.on("close", (code) => process.exit(code ?? 1));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runtime.stdin.end());

function mayTalk(request) {
  const given = Buffer.from(request.headers["x-locara-token"] ?? "");
  const origin = request.headers.origin;
  const sameOrigin = origin === undefined || origin === `http://${HOST}`;
  return sameOrigin && given.length === TOKEN.length && timingSafeEqual(given, Buffer.from(TOKEN));
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_FRAME_BYTES) throw new Error("too large");
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

async function serveFile(path, response) {
  const file = normalize(join(APP, "dist", path === "/" ? "index.html" : decodeURIComponent(path)));
  if (!file.startsWith(join(APP, "dist") + sep)) throw new Error("outside");
  let body = await readFile(file);
  if (path === "/") body = body.toString().replace("<script type", '<script src="dev-bridge.js"></script>\n    <script type');
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(body);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, `http://${HOST}`);
  response.setHeader("content-security-policy", POLICY);
  response.setHeader("cache-control", "no-store");
  try {
    if (request.headers.host !== HOST) response.writeHead(421).end();
    else if (pathname === "/frames" && !mayTalk(request)) response.writeHead(403).end();
    else if (pathname === "/frames" && request.method === "POST") {
      runtime.stdin.write(encodeFrame(await bodyOf(request)));
      response.writeHead(204).end();
    } else if (pathname === "/frames") {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.flushHeaders();
      listeners.add(response);
      request.on("close", () => listeners.delete(response));
    } else if (pathname === "/dev-bridge.js") response.writeHead(200, { "content-type": "text/javascript" }).end(BRIDGE);
    else await serveFile(pathname, response);
  } catch {
    if (!response.headersSent) response.writeHead(404);
    response.end();
  }
});
server.on("error", (problem) => {
  console.error(`serve: ${problem.message}`);
  runtime.stdin.end();
});
server.listen(Number(values.port), "127.0.0.1", () => console.log(`DocVault for development: http://${HOST}/#${TOKEN}`));
