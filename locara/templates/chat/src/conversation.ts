/** The conversation: kept in the app's database, cut to what the model can still take in. */

import type { ChatMessage, Db } from "#locara-sdk";

export const MODEL = "locara-tiny-chat";
const SYSTEM: ChatMessage = { role: "system", content: "You are a helpful assistant. Answer briefly." };

/** The newest turns of at most `limit` characters, whole, after the system message. */
export function promptOf(turns: readonly ChatMessage[], limit = 2000): ChatMessage[] {
  const kept: ChatMessage[] = [];
  let size = 0;
  for (const turn of turns.toReversed()) {
    size += turn.content.length;
    if (kept.length > 0 && size > limit) break;
    kept.unshift(turn);
  }
  return [SYSTEM, ...kept];
}

export async function turnsOf(db: Db): Promise<ChatMessage[]> {
  const rows = await db.query("SELECT role, content FROM messages ORDER BY id");
  return rows.map((row) => ({ role: row["role"] === "user" ? "user" : "assistant", content: String(row["content"]) }));
}

export async function keep(db: Db, turn: ChatMessage): Promise<void> {
  await db.exec("INSERT INTO messages(role, content) VALUES(?, ?)", [turn.role, turn.content]);
}

export async function clear(db: Db): Promise<void> {
  await db.exec("DELETE FROM messages");
}
