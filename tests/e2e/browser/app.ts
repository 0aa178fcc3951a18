/**
 * An app as a browser shows it: its built page in headless Chromium, over its real runtime in its real sandbox.
 *
 *     await using app = await openApp("docvault", { picks: [folder] });
 *     await app.page.getByRole("button", { name: "Add files" }).click();
 *     assert.deepEqual(await violations(app.page), []);
 *
 * `locara dev` serves the page and starts the runtime, as it does for an app's author; nothing is mocked. What the
 * file picker answers is said beforehand (`picks`); models are those of this machine.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type Page } from "playwright-core";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const DOCUMENTS = join(ROOT, "fixtures/documents");
const PICTURES = join(process.env["LOCARA_PICTURES"] ?? join(ROOT, ".tox/pictures"), "browser");
const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const START_SECONDS = 90;

export type Theme = "light" | "dark";

export interface OpenOptions {
  /** Paths the file picker answers with, by kind, again and again: all files for a pick of several, else the next. */
  readonly picks?: readonly string[];
  readonly theme?: Theme;
  /** A folder that keeps the app's data from one opening to the next. Default: a fresh one, removed at the end. */
  readonly data?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** A page that is open. What it threw or what its policy refused so far is in `wrong`; a closing page must have none. */
export interface OpenApp extends AsyncDisposable {
  readonly page: Page;
  readonly wrong: readonly string[];
  /** Keeps a picture below .tox/pictures/browser, as APP-NAME-THEME.png. */
  shoot(name: string): Promise<void>;
}

/** Opens an app of this repository (`apps/NAME`). Rejects when it does not start, with what `locara dev` said. */
export async function openApp(name: string, options: OpenOptions = {}): Promise<OpenApp> {
  const { picks = [], theme = "light", viewport = { width: 1180, height: 820 } } = options;
  const scratch = mkdtempSync(join(tmpdir(), "locara-browser-"));
  const session = new Session(scratch);
  try {
    const url = await session.serve(join(ROOT, "apps", name), options.data ?? join(scratch, "data"), picks);
    session.browser = await openBrowser();
    const page = await session.browser.newPage({ viewport, colorScheme: theme, reducedMotion: "reduce" });
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    await page.goto(url);
    return {
      page,
      wrong,
      shoot: async (picture) => {
        mkdirSync(PICTURES, { recursive: true });
        await page.screenshot({ path: join(PICTURES, `${name}-${picture}-${theme}.png`) });
      },
      [Symbol.asyncDispose]: async () => {
        await session.end();
        if (wrong.length > 0) throw new Error(`the page went wrong: ${wrong.join("; ")}`);
      },
    };
  } catch (error) {
    await session.end();
    throw error;
  }
}

/** An empty page in the same browser, without an app. */
export async function blankPage(): Promise<{ readonly page: Page } & AsyncDisposable> {
  const browser = await openBrowser();
  return { page: await browser.newPage(), [Symbol.asyncDispose]: () => browser.close() };
}

/** The browser of the machine: none is downloaded. LOCARA_CHROMIUM names another. */
async function openBrowser(): Promise<Browser> {
  const program = process.env["LOCARA_CHROMIUM"] ?? PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) throw new Error("no Chromium on this machine: apt install chromium");
  return chromium.launch({ executablePath: program, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

/** What runs beside a page, ended together. */
class Session {
  browser: Browser | undefined;
  #dev: ChildProcess | undefined;
  readonly #scratch: string;

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  /** Starts `locara dev`; gives the address that it prints. */
  async serve(app: string, data: string, picks: readonly string[]): Promise<string> {
    const [program, ...words] = JSON.parse(process.env["LOCARA_COMMAND"] ?? '["locara"]') as [string, ...string[]];
    const argv = [...words, "dev", app, "--browser", "--data", data, ...picks.flatMap((path) => ["--pick", path])];
    const env = { ...process.env, NO_COLOR: "1", XDG_STATE_HOME: join(this.#scratch, "state") };
    const dev = spawn(program, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#dev = dev;
    let said = "";
    dev.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
    const lines = createInterface(dev.stdout);
    const late = AbortSignal.timeout(START_SECONDS * 1000);
    const ended = once(dev, "exit", { signal: late }).then(() => undefined);
    const first = once(lines, "line", { signal: late }).then(([line]) => String(line));
    const line = await Promise.race([first, ended]).catch((error: unknown) => void (said += String(error)));
    for (const other of [first, ended]) other.catch(() => undefined); // whichever was not first ends with the session
    const url = /http:\/\/127\.0\.0\.1:\S+/.exec(line ?? "")?.[0];
    if (url === undefined) throw new Error(`locara dev did not start: ${said}`);
    return url;
  }

  async end(): Promise<void> {
    await this.browser?.close();
    const dev = this.#dev;
    if (dev && dev.exitCode === null && dev.signalCode === null) {
      dev.kill("SIGTERM");
      await once(dev, "exit");
    }
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
