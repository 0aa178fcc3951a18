/** A new file in a folder that the person picks. */

import { LocaraError, type Locara } from "@locara/sdk";

const MOST_NAMES = 100;
const MOST_LETTERS = 60;
/** Text is gathered to about this many letters before it is written. */
const PIECE = 1024 * 1024;

/**
 * Asks for a folder and writes the pieces into a new file there, never over one that is there. Gives its name, or
 * undefined when the person cancelled. When a piece or its writing fails, the file is taken away and that is thrown.
 */
export async function saveNew(
  fs: Pick<Locara["fs"], "pick" | "release" | "remove" | "writeBytes">,
  title: string,
  ending: string,
  pieces: AsyncIterable<string> | Iterable<string>,
): Promise<string | undefined> {
  const [folder] = await fs.pick({ kind: "directory", access: "read-write" });
  if (!folder) return undefined;
  try {
    const name = await createFile(fs, folder.handle, title, ending);
    try {
      await append(fs, folder.handle, name, pieces);
    } catch (error) {
      await fs.remove(folder.handle, name);
      throw error;
    }
    return name;
  } finally {
    // A handle that cannot be given back any more has ended with the runtime.
    await Promise.allSettled([fs.release(folder.handle)]);
  }
}

async function createFile(fs: Pick<Locara["fs"], "writeBytes">, folder: string, title: string, ending: string): Promise<string> {
  for (let number = 1; number <= MOST_NAMES; number++) {
    const name = fileName(title, number === 1 ? "" : ` ${number}`, ending);
    try {
      await fs.writeBytes(folder, name, new Uint8Array(), "create");
      return name;
    } catch (error) {
      if (!(error instanceof LocaraError && error.code === "exists")) throw error;
    }
  }
  throw new Error("This folder has too many files of that name.");
}

async function append(
  fs: Pick<Locara["fs"], "writeBytes">,
  folder: string,
  name: string,
  pieces: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  const encoder = new TextEncoder();
  let waiting = "";
  const write = async (): Promise<void> => {
    await fs.writeBytes(folder, name, encoder.encode(waiting), "append");
    waiting = "";
  };
  for await (const piece of pieces) {
    waiting += piece;
    if (waiting.length >= PIECE) await write();
  }
  if (waiting !== "") await write();
}

/** A name that every system takes: far below 255 bytes, not hidden, none that Windows keeps for itself. */
export function fileName(title: string, suffix: string, ending: string): string {
  const kept = title.normalize("NFC").replace(/[^\p{L}\p{M}\p{N} ._-]+/gu, " ").replace(/\s+/g, " ");
  const short = [...kept].slice(0, MOST_LETTERS).join("").replace(/^[ .]+|[ .]+$/g, "");
  const isTaken = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(short);
  return `${short === "" || isTaken ? "docvault" : short}${suffix}.${ending}`;
}
