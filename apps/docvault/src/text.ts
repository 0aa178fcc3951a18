/** Words and sentences: the one way this app cuts text, so that ingest, search and answers agree. */

const LIGATURES: Readonly<Record<string, string>> = {
  "\ufb00": "ff",
  "\ufb01": "fi",
  "\ufb02": "fl",
  "\ufb03": "ffi",
  "\ufb04": "ffl",
  "\ufb05": "st",
  "\ufb06": "st",
};

/**
 * Text as it is stored: composed (NFC), ligatures spelled out, soft hyphens and invisible or control characters gone,
 * every kind of blank a plain space. Line breaks stay.
 */
export function cleanText(text: string): string {
  return text
    .normalize("NFC")
    .replace(/[\ufb00-\ufb06]/g, (ligature) => LIGATURES[ligature] ?? ligature)
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/g, "")
    .replace(/[^\S\n]+/g, " ")
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufffe\uffff]/g, "")
    .replace(/ ?\n ?/g, "\n");
}

// Words after which a full stop does not end a sentence.
const ABBREVIATION = /^\d{1,3}\.$|(?:^|[\s(])(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|p|pp|vs|etc|e\.g|i\.e|approx|ca|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$/u;
const BOUNDARY = /(?<=[.!?\u2026]["'\u201d\u2019)\]]*)\s+(?=["'\u201c\u2018([]*[\p{Lu}\p{N}\p{Lo}])|(?<=[\u3002\uff01\uff1f])/gu;

/** Sentences in order; a line break always ends one. Joining them with blanks gives the text back, blanks aside. */
export function sentences(text: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    let open = "";
    for (const part of line.split(BOUNDARY)) {
      open = open === "" ? part : `${open} ${part}`;
      if (ABBREVIATION.test(open)) continue;
      if (open.trim() !== "") found.push(open.trim());
      open = "";
    }
    if (open.trim() !== "") found.push(open.trim());
  }
  return found;
}

const STOP_WORDS = new Set(
  ("a an and any are as at be been but by can could did do does for from had has have how i in is it its many me much my of on or " +
    "our please s so tell than that the their them there they this to us was we were what what's when where which who " +
    "whom whose why will with would you your").split(" "),
);

/** Folds case and accents, so that "Café" and "cafe" are one word. */
export function foldWord(word: string): string {
  return word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Folds endings as well, so that "owns", "owner" and "owned" are one term. Rough on purpose, and for English. */
export function foldTerm(word: string): string {
  const plain = foldWord(word);
  if (!/^[a-z]{4,}$/.test(plain)) return plain;
  const single = plain.replace(/([^sui])s$/, "$1");
  return single.replace(/^(...+?)(?:ing|ed|er|e)$/, "$1");
}

/** The words of a text, in order, as written. */
export function words(text: string): string[] {
  return text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/** The words of a text that carry meaning, folded by case and accents; of words that make one term, the first. */
export function terms(text: string): string[] {
  const found = new Map<string, string>();
  for (const word of words(text).map(foldWord)) {
    const term = foldTerm(word);
    if (!STOP_WORDS.has(word) && !found.has(term)) found.set(term, word);
  }
  return [...found.values()];
}
