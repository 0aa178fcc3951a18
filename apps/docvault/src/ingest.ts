/** From a picked file to a document in the vault. Every file gets an outcome; none is passed over in silence. */

import { CapabilityDenied, FileTooLarge, LocaraError, type Handle, type Locara } from "@locara/sdk";

import { chunk, type Passage } from "./chunk.ts";
import { Unreadable, type Problem } from "./document.ts";
import { extract, kindOf, MAX_FILE_BYTES, UNSUPPORTED } from "./extract.ts";
import type { Models } from "./models.ts";
import type { PdfReader } from "./pdf.ts";
import { createScanReader, type ScanReader } from "./scan.ts";
import type { StoredDocument, Vault } from "./vault.ts";

export type Outcome =
  | { readonly status: "added" | "replaced" | "unchanged"; readonly name: string; readonly document: StoredDocument; readonly problems: readonly Problem[] }
  | { readonly status: "failed"; readonly name: string; readonly problems: readonly [Problem] };

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly name: string;
}

export interface ImportOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A file to be imported: where it is, and how it is called. */
interface Found {
  readonly root: string;
  readonly path: string;
  readonly name: string;
  readonly source: string | null;
}

/** Folders inside folders are followed to this depth, and this many files are taken in one go. */
const MAX_DEPTH = 12;
const MAX_FILES = 5_000;

export class Importer {
  readonly #locara: Pick<Locara, "embed" | "fs">;
  readonly #vault: Vault;
  readonly #pdf: PdfReader;
  readonly #scans: ScanReader;
  readonly #models: Models;

  constructor(locara: Pick<Locara, "embed" | "fs" | "ocr" | "pdf">, vault: Vault, pdf: PdfReader, models: Models) {
    this.#locara = locara;
    this.#scans = createScanReader(locara);
    this.#vault = vault;
    this.#pdf = pdf;
    this.#models = models;
  }

  /** Asks for files or for a folder and imports them. An empty list means the person cancelled. */
  async pick(kind: Handle["kind"], options: ImportOptions = {}): Promise<Outcome[]> {
    const isFile = kind === "file";
    const handles = await this.#locara.fs.pick({ kind, access: "read", multiple: isFile, recursive: !isFile });
    return this.#importAndRelease(handles, options);
  }

  /** Imports what was dropped on the window. Undefined when nothing was handed over. */
  async dropped(options: ImportOptions = {}): Promise<Outcome[] | undefined> {
    const handles = await this.#locara.fs.dropped({ recursive: true });
    return handles.length === 0 ? undefined : this.#importAndRelease(handles, options);
  }

  async #importAndRelease(handles: readonly Handle[], options: ImportOptions): Promise<Outcome[]> {
    try {
      return await this.#importAll(handles, options);
    } finally {
      // A handle that cannot be given back any more has ended with the runtime.
      await Promise.allSettled(handles.map(({ handle }) => this.#locara.fs.release(handle)));
    }
  }

  async #importAll(handles: readonly Handle[], { signal, onProgress }: ImportOptions): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const found: Found[] = [];
    for (const handle of handles) {
      if (handle.kind === "file") found.push({ root: handle.handle, path: "", name: handle.name, source: null });
      else await this.#walk(handle, "", 0, found, outcomes);
    }
    for (const [done, file] of found.entries()) {
      onProgress?.({ done, total: found.length, name: file.name });
      try {
        outcomes.push(await this.#importFile(file, signal));
      } catch (error) {
        outcomes.push(failedBy(error, file.name, signal));
      }
    }
    return outcomes;
  }

  async #walk(handle: Handle, folder: string, depth: number, found: Found[], outcomes: Outcome[]): Promise<void> {
    const { entries, truncated } = await this.#locara.fs.list(handle.handle, folder);
    if (truncated) outcomes.push(failed(folder || handle.name, "unreadable", "This folder has too many files to list."));
    for (const entry of entries) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(".")) {
        outcomes.push(failed(path, "hidden", "Hidden files and folders are left out."));
      } else if (entry.kind === "file" && found.length < MAX_FILES) {
        found.push({ root: handle.handle, path, name: path, source: `${handle.name}/${path}` });
      } else if (entry.kind === "directory" && depth < MAX_DEPTH) {
        try {
          await this.#walk(handle, path, depth + 1, found, outcomes);
        } catch (error) {
          if (!(error instanceof LocaraError)) throw error;
          outcomes.push(failed(path, "unreadable", `The folder could not be opened: ${error.message}`));
        }
      } else {
        const why = entry.kind === "file" ? "too many files for one import" : "not a file, or too deep in the folder";
        outcomes.push(failed(path, "unreadable", `Left out: ${why}.`));
      }
    }
  }

  async #importFile(file: Found, signal?: AbortSignal): Promise<Outcome> {
    signal?.throwIfAborted();
    const { name, source } = file;
    if (!kindOf(name)) throw new Unreadable("unsupported", UNSUPPORTED);
    const bytes = await this.#read(file, signal);
    const sha256 = await digest(bytes);
    const known = await this.#vault.findByDigest(sha256);
    const before = source === null ? undefined : await this.#vault.findBySource(source);
    if (known) {
      // The file now says what another document says already: what it said before is no longer true of it.
      if (before && before.id !== known.id) await this.#vault.remove(before.id, before.sha256);
      return { status: "unchanged", name, document: known, problems: await this.#vault.problems(known.id) };
    }
    const readable = await extract(name, bytes, this.#pdf, signal);
    const extraction = readable.kind === "pdf" ? await this.#scans.read(file, readable, signal) : readable;
    const passages = chunk(extraction.pages);
    if (passages.length === 0) throw nothingToRead(extraction.problems);
    const vectors = await this.#embed(passages, signal);
    const document = await this.#vault.add({ sha256, name, source, bytes, extraction, passages, vectors }, before);
    return { status: before ? "replaced" : "added", name, document, problems: extraction.problems };
  }

  async #read({ root, path }: Found, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#locara.fs.readBytes(root, path, { signal, maxBytes: MAX_FILE_BYTES });
    } catch (error) {
      if (error instanceof FileTooLarge) {
        throw new Unreadable("too_large", `The file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MB.`);
      }
      // The folder was granted by picking it; a denial below it is about this one name (a link, a hidden direction).
      if (error instanceof CapabilityDenied && error.code === "capability_denied") {
        throw new Unreadable("unreadable", "The file was not opened: its name or its place is not one an app may use.");
      }
      throw error;
    }
  }

  async #embed(passages: readonly Passage[], signal?: AbortSignal): Promise<Float32Array[]> {
    const texts = passages.map(({ heading, text }) => (heading === "" ? text : `${heading}\n${text}`));
    return this.#locara.embed.create({ model: this.#models.embedding, texts }, { signal });
  }
}

/** SHA-256 in hexadecimal. */
export async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The outcome of a file whose import threw. A missing grant or a lost runtime concerns every file: it is thrown on. */
function failedBy(error: unknown, name: string, signal: AbortSignal | undefined): Outcome {
  if (error instanceof Unreadable) return { status: "failed", name, problems: [error.problem] };
  if (signal?.aborted) return failed(name, "stopped", "Not imported: you stopped the import.");
  if (!(error instanceof LocaraError) || error instanceof CapabilityDenied || error.code === "transport_closed") throw error;
  return failed(name, "unreadable", `Not imported: ${error.message}`);
}

function failed(name: string, code: Problem["code"], message: string): Outcome {
  return { status: "failed", name, problems: [{ code, page: null, message }] };
}

/** Scans are worth another word than blank pages. */
function nothingToRead(problems: readonly Problem[]): Unreadable {
  if (problems.some(({ code }) => code === "no_text_layer")) {
    return new Unreadable("no_text_layer", "All pages are pictures (scans) without a text layer.");
  }
  return new Unreadable("empty", "The file has no text.");
}
