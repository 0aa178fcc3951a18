/** Words as this app compares them. */

/** The words of a text, without case and accents. */
export function wordsOf(text: string): string[] {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** True when a text says something, and no word more often than its source does. */
export function isSaid(text: string, source: string): boolean {
  const left = new Map<string, number>();
  for (const word of wordsOf(source)) left.set(word, (left.get(word) ?? 0) + 1);
  const own = wordsOf(text);
  return own.length > 0 && own.every((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count > 0;
  });
}

/** How many different words two texts share. */
export function shared(one: string, other: string): number {
  const theirs = new Set(wordsOf(other));
  return new Set(wordsOf(one).filter((word) => theirs.has(word))).size;
}
