/** Starts an app headless, in its own sandbox, with data and consent of its own. */

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { createLocara, type JsonObject, type Json, type Locara } from "@locara/sdk";
import { NodeTransport } from "@locara/sdk/node";

export interface StartOptions {
  /** What the file picker answers, by kind, in turn. None: it answers that the person cancelled. */
  readonly pick?: readonly string[];
  /** Changes the manifest of a copy that is run instead: a deny test and its allow twin differ in one line. */
  readonly manifest?: (manifest: Record<string, unknown> & { capabilities: Record<string, unknown> }) => void;
  /** A folder that keeps the app's data from one start to the next. Default: a fresh one, removed at the end. */
  readonly data?: string;
  /** The command line of Locara. Default: what `locara test` says in LOCARA_COMMAND (a JSON list), else `locara`. */
  readonly command?: readonly [string, ...string[]];
}

/** A running app: the modules of the SDK, any command by name, and what it was granted. */
export interface TestApp extends Locara {
  /** Any command, by its name: what a hostile page could send. */
  call(command: string, args?: JsonObject): Promise<Json>;
  /** What the manifest grants: capability to the line that declares it. */
  readonly grants: Readonly<Record<string, string>>;
  /** The commands that exist for this app. */
  readonly commands: ReadonlySet<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

function commandLine(options: StartOptions): readonly string[] {
  if (options.command) return options.command;
  const given = process.env["LOCARA_COMMAND"];
  if (!given) return ["locara"];
  const listed: unknown = given.startsWith("[") ? JSON.parse(given) : given.split(" ");
  if (!Array.isArray(listed) || !listed.every((one) => typeof one === "string") || listed.length === 0) {
    throw new Error("LOCARA_COMMAND is not a list of words");
  }
  return listed as string[];
}

/** A copy of what the runtime reads of an app, with its manifest changed. */
function variant(app: string, scratch: string, change: NonNullable<StartOptions["manifest"]>): string {
  const manifest = JSON.parse(readFileSync(join(app, "locara.json"), "utf8"));
  const out = manifest.build?.out ?? "dist";
  change(manifest);
  const copy = join(scratch, "app");
  for (const part of ["db", out, "public"]) {
    if (existsSync(join(app, part))) cpSync(join(app, part), join(copy, part), { recursive: true, verbatimSymlinks: true });
  }
  cpSync(join(app, "locara.json"), join(copy, "locara.json"));
  writeFileSync(join(copy, "locara.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return copy;
}

/**
 * Starts the app in `folder` (default: LOCARA_APP, else the working folder). The test agrees to what it asks for; that
 * answer counts for this start alone. Rejects when it does not start, with what the runtime said.
 */
export async function startApp(folder: string = process.env["LOCARA_APP"] ?? ".", options: StartOptions = {}): Promise<TestApp> {
  const scratch = mkdtempSync(join(tmpdir(), "locara-test-"));
  const clean = (): void => rmSync(scratch, { recursive: true, force: true });
  try {
    const app = options.manifest ? variant(resolve(folder), scratch, options.manifest) : resolve(folder);
    const [program, ...words] = commandLine(options) as [string, ...string[]];
    const picks = (options.pick ?? []).flatMap((path) => ["--pick", resolve(path)]);
    const data = options.data === undefined ? join(scratch, "data") : resolve(options.data);
    const transport = new NodeTransport({
      command: [program, ...words, "run", "--headless", "--accept-consent", app, "--data", data, ...picks],
      env: { ...process.env, XDG_STATE_HOME: join(scratch, "state") },
    });
    const locara = createLocara(transport);
    const close = async (): Promise<void> => {
      await transport.close();
      clean();
    };
    const [info, commands] = await Promise.all([locara.app.info(), locara.app.commands()]).catch(async (error: unknown) => {
      await transport.close();
      throw error;
    });
    return {
      ...locara,
      call: (command, args = {}) => transport.call(command, args),
      grants: info.capabilities,
      commands: new Set(commands),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    clean();
    throw error;
  }
}
