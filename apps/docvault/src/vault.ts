/** What is stored: documents with their problems, passages and vectors, and a copy of each file. */

import { APP_DATA, LocaraError, type Locara, type Row, type Statement } from "@locara/sdk";

import type { Passage } from "./chunk.ts";
import type { DocumentKind, Extraction, Problem } from "./document.ts";

export interface StoredDocument extends Row {
  readonly id: number;
  readonly sha256: string;
  readonly name: string;
  readonly source: string | null;
  readonly kind: DocumentKind;
  readonly size: number;
  readonly pages: number;
  /** ISO time, UTC. */
  readonly added: string;
  readonly passages: number;
}

export interface StoredPassage extends Row {
  readonly id: number;
  readonly document: number;
  readonly name: string;
  readonly page: number;
  readonly ordinal: number;
  readonly heading: string;
  readonly kind: Passage["kind"];
  readonly text: string;
}

export interface NewDocument {
  readonly sha256: string;
  readonly name: string;
  readonly source: string | null;
  readonly bytes: Uint8Array;
  readonly extraction: Extraction;
  readonly passages: readonly Passage[];
  /** One for each passage. */
  readonly vectors: readonly Float32Array[];
}

export interface StoredVault extends Row {
  readonly id: number;
  readonly name: string;
  readonly documents: number;
}

/** The one that is always there. */
const FIRST_VAULT = 1;
const FOLDER = "documents";
/** Rows written in one batch: keeps a frame far below its limit with 384 numbers for each row. */
const ROWS = 256;
const ID_SPAN = 1_000_000;

const DOCUMENT_COLUMNS = `d.id, d.sha256, d.name, d.source, d.kind, d.size, d.pages, d.added,
  (SELECT count(*) FROM passages p WHERE p.document = d.id) AS passages`;
const PASSAGE_COLUMNS = "p.id, p.document, d.name, p.page, p.ordinal, p.heading, p.kind, p.text";

/** Where the copy of a file lies below $APP_DATA. */
function pathOf(sha256: string): string {
  return `${FOLDER}/${sha256}`;
}

export class Vault {
  readonly #locara: Pick<Locara, "db" | "fs">;
  readonly #now: () => Date;
  #current = FIRST_VAULT;

  constructor(locara: Pick<Locara, "db" | "fs">, now: () => Date = () => new Date()) {
    this.#locara = locara;
    this.#now = now;
  }

  /** Makes the folder, and takes away what an interrupted import left behind. Call once before anything else. */
  async open(): Promise<void> {
    const { db, fs } = this.#locara;
    try {
      await fs.mkdir(APP_DATA, FOLDER);
    } catch (error) {
      if (!(error instanceof LocaraError && error.code === "exists")) throw error;
    }
    const unfinished = await db.query<{ id: number; sha256: string }>(
      "SELECT id, sha256 FROM documents WHERE complete = 0",
    );
    for (const { id, sha256 } of unfinished) await this.remove(id, sha256);
    const known = new Set((await db.query<{ sha256: string }>("SELECT sha256 FROM documents")).map((row) => row.sha256));
    for (const { name, kind } of (await fs.list(APP_DATA, FOLDER)).entries) {
      if (kind === "file" && !known.has(name)) await fs.remove(APP_DATA, `${FOLDER}/${name}`);
    }
  }

  /** The vault that everything below is about, until another is chosen. */
  get current(): number {
    return this.#current;
  }

  choose(vault: number): void {
    this.#current = vault;
  }

  async vaults(): Promise<StoredVault[]> {
    const count = "(SELECT count(*) FROM documents d WHERE d.vault = v.id AND d.complete = 1) AS documents";
    return this.#locara.db.query(`SELECT v.id, v.name, ${count} FROM vaults v ORDER BY v.name COLLATE NOCASE, v.id`);
  }

  /** Makes a vault and chooses it. Rejects with code `constraint` when the name is taken. */
  async create(name: string): Promise<void> {
    this.#current = (await this.#locara.db.exec("INSERT INTO vaults (name) VALUES (?)", [name])).lastRowId;
  }

  /** Takes a vault away with all its documents, and goes back to the first. The first one stays, empty. */
  async removeVault(vault: number): Promise<void> {
    const sql = "SELECT id, sha256 FROM documents WHERE vault = ?";
    for (const { id, sha256 } of await this.#locara.db.query<{ id: number; sha256: string }>(sql, [vault])) {
      await this.remove(id, sha256);
    }
    if (vault !== FIRST_VAULT) await this.#locara.db.exec("DELETE FROM vaults WHERE id = ?", [vault]);
    this.#current = FIRST_VAULT;
  }

  async documents(): Promise<StoredDocument[]> {
    const sql = `SELECT ${DOCUMENT_COLUMNS} FROM documents d WHERE d.complete = 1 AND d.vault = ? ORDER BY d.name COLLATE NOCASE, d.id`;
    return this.#locara.db.query(sql, [this.#current]);
  }

  async problems(document: number): Promise<Problem[]> {
    const sql = "SELECT code, page, message FROM problems WHERE document = ? ORDER BY page";
    return (await this.#locara.db.query(sql, [document])) as unknown as Problem[];
  }

  async findByDigest(sha256: string): Promise<StoredDocument | undefined> {
    return this.#findOne("d.sha256 = ?", sha256);
  }

  async findBySource(source: string): Promise<StoredDocument | undefined> {
    return this.#findOne("d.source = ?", source);
  }

  /** Stores a document. When anything fails nothing of it stays. `replaces` is removed once the new one is complete. */
  async add(document: NewDocument, replaces?: StoredDocument): Promise<StoredDocument> {
    const { db, fs } = this.#locara;
    const { sha256, name, source, bytes, extraction } = document;
    await fs.writeBytes(APP_DATA, pathOf(sha256), bytes, "replace");
    let id: number | undefined;
    try {
      const inserted = await db.exec(
        "INSERT INTO documents (vault, sha256, name, source, kind, size, pages, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [this.#current, sha256, name, replaces ? null : source, extraction.kind, bytes.length, extraction.pageCount, this.#now().toISOString()],
      );
      id = inserted.lastRowId;
      const rows = rowsOf(this.#current, id, document);
      for (let at = 0; at < rows.length; at += ROWS) await db.batch(rows.slice(at, at + ROWS));
      await db.batch([
        ...(replaces ? removal(replaces.id) : []),
        { sql: "UPDATE documents SET complete = 1, source = ? WHERE id = ?", params: [source, id] },
      ]);
    } catch (error) {
      await this.#undo(id, sha256);
      throw error;
    }
    if (replaces) await this.#removeFile(replaces.sha256);
    return (await this.findByDigest(sha256)) as StoredDocument;
  }

  /** Removes rows, words, vectors and the copy of the file. */
  async remove(id: number, sha256: string): Promise<void> {
    await this.#locara.db.batch(removal(id));
    await this.#removeFile(sha256);
  }

  /** The bytes of the copy that was made when the document was imported. */
  async original(sha256: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#locara.fs.readBytes(APP_DATA, pathOf(sha256));
  }

  /** Passages by id, in the order of `ids`; ids that are gone are left out. */
  async passages(ids: readonly number[]): Promise<StoredPassage[]> {
    if (ids.length === 0) return [];
    const marks = ids.map(() => "?").join(", ");
    const rows = await this.#locara.db.query<StoredPassage>(
      `SELECT ${PASSAGE_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document
       WHERE d.complete = 1 AND p.id IN (${marks})`,
      ids,
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  /** All passages of one page, in reading order. */
  async page(document: number, page: number): Promise<StoredPassage[]> {
    return this.#locara.db.query<StoredPassage>(
      `SELECT ${PASSAGE_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document
       WHERE p.document = ? AND p.page = ? ORDER BY p.ordinal`,
      [document, page],
    );
  }

  /** Every passage of a document in reading order, some at a time. */
  async *passagesOf(document: number): AsyncGenerator<StoredPassage[]> {
    const sql = `SELECT ${PASSAGE_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document
       WHERE p.document = ? AND p.id > ? ORDER BY p.id LIMIT ${ROWS}`;
    let after = 0;
    for (;;) {
      const rows = await this.#locara.db.query<StoredPassage>(sql, [document, after]);
      yield rows;
      const last = rows[ROWS - 1];
      if (last === undefined) return;
      after = last.id;
    }
  }

  async #findOne(condition: string, value: string): Promise<StoredDocument | undefined> {
    const sql = `SELECT ${DOCUMENT_COLUMNS} FROM documents d WHERE d.complete = 1 AND d.vault = ? AND ${condition}`;
    return (await this.#locara.db.query<StoredDocument>(sql, [this.#current, value]))[0];
  }

  async #undo(id: number | undefined, sha256: string): Promise<void> {
    // The failure that led here is what the person must hear of; what cannot be undone now is undone by open().
    try {
      if (id === undefined) await this.#removeFile(sha256);
      else await this.remove(id, sha256);
    } catch {
      return;
    }
  }

  /** The copy goes with the last document that was made of it. */
  async #removeFile(sha256: string): Promise<void> {
    const [other] = await this.#locara.db.query("SELECT 1 AS there FROM documents WHERE sha256 = ? LIMIT 1", [sha256]);
    if (other) return;
    try {
      await this.#locara.fs.remove(APP_DATA, pathOf(sha256));
    } catch (error) {
      if (!(error instanceof LocaraError && error.code === "not_found")) throw error;
    }
  }
}

function rowsOf(vault: number, id: number, { extraction, passages, vectors }: NewDocument): Statement[] {
  const problems = extraction.problems.map(({ page, code, message }) => ({
    sql: "INSERT INTO problems (document, page, code, message) VALUES (?, ?, ?, ?)",
    params: [id, page, code, message],
  }));
  const rows = passages.flatMap(({ page, ordinal, heading, kind, text }, at) => [
    {
      sql: "INSERT INTO passages (id, document, page, ordinal, heading, kind, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
      params: [id * ID_SPAN + ordinal, id, page, ordinal, heading, kind, text],
    },
    {
      sql: "INSERT INTO vault_vectors (rowid, vault, embedding) VALUES (?, ?, ?)",
      params: [id * ID_SPAN + ordinal, vault, vectors[at] as Float32Array],
    },
  ]);
  return [...problems, ...rows];
}

/** Deleting the document takes its problems and passages with it, and those take their words. */
function removal(id: number): Statement[] {
  return [
    { sql: "DELETE FROM vault_vectors WHERE rowid IN (SELECT id FROM passages WHERE document = ?)", params: [id] },
    { sql: "DELETE FROM documents WHERE id = ?", params: [id] },
  ];
}
