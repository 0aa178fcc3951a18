/** The notes of this app, in its own database. */

import type { Db } from "#locara-sdk";

export interface Note {
  readonly id: number;
  readonly body: string;
}

/** The text of a note without the spaces around it; throws when nothing is left. */
export function noteOf(text: string): string {
  const body = text.trim();
  if (!body) throw new Error("a note needs some text");
  return body;
}

export async function keep(db: Db, text: string): Promise<void> {
  await db.exec("INSERT INTO notes(body, written) VALUES(?, ?)", [noteOf(text), Date.now()]);
}

export async function newest(db: Db): Promise<Note[]> {
  const rows = await db.query("SELECT id, body FROM notes ORDER BY id DESC LIMIT 100");
  return rows.map((row) => ({ id: Number(row["id"]), body: String(row["body"]) }));
}
