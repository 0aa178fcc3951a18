/** Answers and vaults as files that other programs read. Everything is text here; saving is `save.ts`. */

import { REFUSAL, type Answer } from "./answer.ts";
import type { Problem } from "./document.ts";
import type { StoredDocument, StoredPassage } from "./vault.ts";

export const FORMATS = ["md", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** A question with what came of it. `asked` is the time in ISO form, UTC. */
export interface Asked {
  readonly question: string;
  readonly answer: Answer;
  readonly asked: string;
}

/** A document with what is known of it; its passages come in reading order, a few at a time. */
export interface WholeDocument {
  readonly document: StoredDocument;
  readonly problems: readonly Problem[];
  readonly passages: AsyncIterable<readonly StoredPassage[]>;
}

/** The file of one answer: the words, and the sentence that they rest on with its page. Its last line is ended. */
export function answerFile(format: Format, { question, answer, asked }: Asked): string {
  const { kind, citation } = answer;
  const text = kind === "refusal" ? REFUSAL : answer.text;
  if (format === "json") {
    const citations = citation ? [{ document: citation.name, page: citation.page, heading: citation.heading, quote: citation.quote }] : [];
    return `${JSON.stringify({ question, asked, kind, answer: text, citations }, null, 2)}\n`;
  }
  const parts = [`# ${plain(question)}`, paragraphs(text)];
  if (citation) {
    const heading = citation.heading === "" ? "" : `, ${plain(citation.heading)}`;
    parts.push(quoted(citation.quote), `*${plain(citation.name)}, page ${citation.page}${heading}*`);
  }
  return `${[...parts, `Asked ${asked.slice(0, 10)}`].join("\n\n")}\n`;
}

/** The file of a vault, in pieces: every document with its facts, its problems and its text. Nothing is left out. */
export async function* vaultFile(format: Format, vault: string, documents: AsyncIterable<WholeDocument>): AsyncGenerator<string> {
  yield format === "json" ? `{\n"vault": ${JSON.stringify(vault)},\n"documents": [` : `# ${plain(vault)}\n`;
  let isFirst = true;
  for await (const whole of documents) {
    if (format === "json") yield isFirst ? "\n" : ",\n";
    isFirst = false;
    yield* format === "json" ? asJson(whole) : asMarkdown(whole);
  }
  if (format === "json") yield "\n]\n}\n";
}

function facts({ name, source, kind, size, pages, added, sha256 }: StoredDocument): Readonly<Record<string, string | number | null>> {
  return { name, source, kind, size, pages, added, sha256 };
}

async function* asJson({ document, problems, passages }: WholeDocument): AsyncGenerator<string> {
  const known = JSON.stringify({ ...facts(document), problems: problems.map(({ code, page, message }) => ({ code, page, message })) });
  yield `${known.slice(0, -1)},"passages":[`;
  let isFirst = true;
  for await (const some of passages) {
    const rows = some.map(({ page, heading, kind, text }) => JSON.stringify({ page, heading, kind, text }));
    if (rows.length > 0) yield `${isFirst ? "" : ","}\n${rows.join(",\n")}`;
    if (rows.length > 0) isFirst = false;
  }
  yield "]}";
}

async function* asMarkdown({ document, problems, passages }: WholeDocument): AsyncGenerator<string> {
  const { name, source, ...rest } = facts(document);
  const known = Object.entries({ ...(source === null ? {} : { source }), ...rest });
  const lines = known.map(([key, value]) => `- ${key}: ${plain(String(value))}`);
  const said = problems.map(({ message, page }) => `- not read${page === null ? "" : `, page ${page}`}: ${plain(message)}`);
  yield `\n## ${plain(String(name))}\n\n${[...lines, ...said].join("\n")}\n`;
  let [page, heading] = [0, ""];
  for await (const some of passages) {
    for (const passage of some) {
      if (passage.page !== page) yield `\n### Page ${passage.page}\n`;
      if (passage.heading !== heading && passage.heading !== "") yield `\n#### ${plain(passage.heading)}\n`;
      [page, heading] = [passage.page, passage.heading];
      yield `\n${passage.kind === "prose" ? paragraphs(passage.text) : fenced(passage.text)}\n`;
    }
  }
}

const LINE_END = /\s*[\r\n\u0085\u2028\u2029]+\s*/g;
/** What stands in a document is text, whatever letters it has: no heading, no link, no picture, no markup of its own. */
const plain = (text: string): string =>
  text.replace(LINE_END, " ").trim().replace(/[\\`*_[\]<>#|~&!]/g, "\\$&").replace(/^([-+=])/, "\\$1").replace(/^(\d+)([.)])/, "$1\\$2");
const linesOf = (text: string): string[] => text.split(/\r\n|[\r\n\u0085\u2028\u2029]/).map(plain).filter((line) => line !== "");
/** Each line keeps its own: two blanks at its end. */
const paragraphs = (text: string): string => linesOf(text).join("  \n");
const quoted = (text: string): string => linesOf(text).map((line) => `> ${line}`).join("  \n");

/** Lines as they are, in a fence longer than any that they hold. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
