/** Markdown to blocks: headings, prose, lists, tables (each row told with its column names), code. */

import type { Block } from "./document.ts";
import { joinLines } from "./layout.ts";

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const LIST_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

export function markdownBlocks(source: string): Block[] {
  const lines = source.split("\n");
  const blocks: Block[] = [];
  const path: string[] = [];
  let paragraph: string[] = [];
  const heading = (): string => path.filter(Boolean).join(" \u203a ");
  const push = (kind: Block["kind"], text: string): void => {
    if (text.trim() !== "") blocks.push({ heading: heading(), kind, text: text.trim() });
  };
  const close = (): void => {
    push("prose", joinLines(paragraph.map(plainInline)));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    const fence = FENCE.exec(line)?.[1];
    const title = HEADING.exec(line);
    if (fence) {
      close();
      const end = lines.findIndex((other, index) => index > at && other.trim().startsWith(fence));
      const stop = end === -1 ? lines.length : end;
      push("code", lines.slice(at + 1, stop).join("\n"));
      at = stop;
    } else if (title) {
      close();
      path.length = (title[1] as string).length - 1;
      path.push(plainInline(title[2] as string));
    } else if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "")) {
      close();
      const rows: string[] = [];
      for (at += 2; at < lines.length && (lines[at] as string).includes("|"); at++) rows.push(lines[at] as string);
      at--;
      push("table", tableText(line, rows));
    } else if (line.trim() === "") {
      close();
    } else if (LIST_ITEM.test(line)) {
      close();
      paragraph.push(line.replace(LIST_ITEM, ""));
    } else {
      paragraph.push(line.trim().replace(/^>\s?/, ""));
    }
  }
  close();
  return blocks;
}

function tableText(header: string, rows: readonly string[]): string {
  const names = tableCells(header);
  return rows
    .map((row) =>
      tableCells(row)
        .map((cell, column) => (names[column] ? `${names[column]}: ${cell}` : cell))
        .join(", "),
    )
    .join("\n");
}

function tableCells(row: string): string[] {
  return row
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => plainInline(cell.trim()));
}

/** Takes the marks of emphasis, code, links and pictures away and keeps the words. */
export function plainInline(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/(`+)(.+?)\1/g, "$2")
    .replace(/(\*\*|__)(?=\S)(.+?)(?<=\S)\1/g, "$2")
    .replace(/(?<![\p{L}\p{N}])([*_])(?=\S)(.+?)(?<=\S)\1(?![\p{L}\p{N}])/gu, "$2")
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>])/g, "$1");
}
