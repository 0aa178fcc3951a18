/** A real Chromium, a server for the built gallery on this machine alone, and pictures of what it shows. */

import { createServer, type Server } from "node:http";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { type AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium, type Browser } from "playwright-core";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json" };
const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

export const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
export const PICTURES = here("../../../.tox/pictures/components");

/** The browser of the machine: none is downloaded. LOCARA_CHROMIUM names another. */
export async function openBrowser(): Promise<Browser> {
  const program = process.env["LOCARA_CHROMIUM"] ?? PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) throw new Error("no Chromium on this machine: apt install chromium");
  mkdirSync(PICTURES, { recursive: true });
  return chromium.launch({ executablePath: program, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

/** Serves a folder; gives its address. */
export async function serve(folder: string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = join(folder, normalize(new URL(request.url ?? "/", "http://x").pathname));
    const file = path.endsWith("/") ? `${path}index.html` : path;
    if (!file.startsWith(folder) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    // No inline style or script of the page itself: what the window's policy allows is what works here.
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
