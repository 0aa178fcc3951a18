/** The app without its page: everything a person can do with the vault. */

import type { Locara } from "@locara/sdk";

import { Answerer, type Answer, type AskOptions } from "./answer.ts";
import type { Problem } from "./document.ts";
import { answerFile, vaultFile, type Asked, type Format, type WholeDocument } from "./export.ts";
import { Importer, type ImportOptions, type Outcome } from "./ingest.ts";
import { MODELS, type Models } from "./models.ts";
import type { PdfReader } from "./pdf.ts";
import { saveNew } from "./save.ts";
import { Search, type Result } from "./search.ts";
import { Vault, type StoredDocument, type StoredPassage, type StoredVault } from "./vault.ts";

export interface DocVault {
  /** Shows the picker and imports what is chosen, one outcome for each file. */
  importFrom(kind: "file" | "directory", options?: ImportOptions): Promise<Outcome[]>;
  /** Imports what was dropped on the window, after the person agreed; undefined when nothing was handed over. */
  importDropped(options?: ImportOptions): Promise<Outcome[] | undefined>;
  /** The vaults, the one that is open, and what is done with them. Everything else is about the open one. */
  vaults(): Promise<StoredVault[]>;
  readonly vault: number;
  chooseVault(id: number): void;
  createVault(name: string): Promise<void>;
  /** Removes a vault with all its documents. The first one stays, empty. */
  removeVault(id: number): Promise<void>;
  documents(): Promise<StoredDocument[]>;
  problems(document: number): Promise<Problem[]>;
  search(query: string, limit?: number, signal?: AbortSignal): Promise<Result[]>;
  ask(question: string, options?: AskOptions): Promise<Answer>;
  /** The passages of one page, to show a citation where it stands. */
  page(document: number, page: number): Promise<StoredPassage[]>;
  /** Saves an answer with what it cites into a folder the person picks; its name, or undefined when they cancelled. */
  saveAnswer(asked: Asked, format: Format): Promise<string | undefined>;
  /** Saves the open vault in the same way: the text of every document and what is known of it. */
  saveVault(format: Format): Promise<string | undefined>;
  /** Removes a document with all that was derived from it. */
  remove(document: StoredDocument): Promise<void>;
}

/** Opens the vault of this app; see Vault.open for what that cleans up. */
export async function openDocVault(locara: Locara, pdf: PdfReader, models: Models = MODELS): Promise<DocVault> {
  const vault = new Vault(locara);
  const importer = new Importer(locara, vault, pdf, models);
  const search = new Search(locara, vault, models);
  const answerer = new Answerer(locara, search, models);
  await vault.open();
  return {
    importFrom: (kind, options) => importer.pick(kind, options),
    importDropped: (options) => importer.dropped(options),
    vaults: () => vault.vaults(),
    get vault() {
      return vault.current;
    },
    chooseVault: (id) => vault.choose(id),
    createVault: (name) => vault.create(name),
    removeVault: (id) => vault.removeVault(id),
    documents: () => vault.documents(),
    problems: (document) => vault.problems(document),
    search: (query, limit = 10, signal) => search.find(query, limit, signal),
    ask: (question, options) => answerer.ask(question, options),
    page: (document, page) => vault.page(document, page),
    saveAnswer: (asked, format) => saveNew(locara.fs, asked.question, format, [answerFile(format, asked)]),
    saveVault: async (format) => {
      const name = (await vault.vaults()).find(({ id }) => id === vault.current)?.name ?? "";
      return saveNew(locara.fs, name, format, vaultFile(format, name, whole(vault)));
    },
    remove: ({ id, sha256 }) => vault.remove(id, sha256),
  };
}

async function* whole(vault: Vault): AsyncGenerator<WholeDocument> {
  for (const document of await vault.documents()) {
    yield { document, problems: await vault.problems(document.id), passages: vault.passagesOf(document.id) };
  }
}
