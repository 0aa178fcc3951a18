/** From placed pieces of text on a PDF page to blocks in reading order: columns, paragraphs, table rows, headings. */

import type { Block } from "./document.ts";
import { cleanText } from "./text.ts";

/** A run of text. `x` and `y` are its left end on the baseline in the direction of the text; units are points. */
export interface Piece {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Direction of the text in degrees, a whole number. */
  readonly angle: number;
}

interface Line {
  readonly y: number;
  readonly height: number;
  /** Pieces without a wide gap between them make a cell. */
  readonly cells: readonly Cell[];
}

interface Cell {
  readonly text: string;
  readonly x0: number;
  readonly x1: number;
}

/** Gaps in units of the text's height. */
const WORD_GAP = 0.15;
const CELL_GAP = 2;
const PARAGRAPH_GAP = 1.75;
const HEADING_SCALE = 1.12;
/** A line that holds nothing but the number of its page. */
const PAGE_NUMBER = /^\W*(?:page|seite|p\.)?\s*\d{1,4}(?:\s*(?:\/|of)\s*\d{1,4})?\W*$/i;
/** A gutter counts as one only between real columns: that many lines, of that many characters on average. */
const COLUMN_LINES = 3;
const COLUMN_CHARACTERS = 18;

/** Blocks of a page. Text in each direction is read on its own, upright text first. */
export function layOut(pieces: readonly Piece[]): Block[] {
  const directions = new Map<number, Piece[]>();
  for (const piece of pieces) {
    if (piece.text.trim() === "") continue;
    directions.set(piece.angle, [...(directions.get(piece.angle) ?? []), piece]);
  }
  const blocks: Block[] = [];
  for (const angle of [...directions.keys()].sort((a, b) => Math.abs(a) - Math.abs(b))) {
    const lines = toLines(directions.get(angle) ?? []);
    const body = bodyHeight(lines);
    for (const column of toColumns(lines)) blocks.push(...toBlocks(column, body));
  }
  return blocks;
}

function toLines(pieces: readonly Piece[]): Line[] {
  const rows: Piece[][] = [];
  for (const piece of [...pieces].sort((a, b) => b.y - a.y || a.x - b.x)) {
    const row = rows.at(-1);
    const first = row?.[0];
    if (row && first && Math.abs(first.y - piece.y) <= 0.4 * Math.max(first.height, piece.height)) row.push(piece);
    else rows.push([piece]);
  }
  return rows.map((row) => ({
    y: Math.max(...row.map((piece) => piece.y)),
    height: Math.max(...row.map((piece) => piece.height)),
    cells: toCells(row.sort((a, b) => a.x - b.x)),
  }));
}

function toCells(row: readonly Piece[]): Cell[] {
  const spaced = isSpacedOut(row);
  const cells: Cell[] = [];
  for (const piece of row) {
    const text = spaced ? piece.text.replaceAll(" ", "") : piece.text.trim();
    const x1 = piece.x + piece.width;
    const last = cells.at(-1);
    if (!last || piece.x - last.x1 > CELL_GAP * piece.height) {
      cells.push({ text, x0: piece.x, x1 });
      continue;
    }
    const blank = piece.x - last.x1 > WORD_GAP * piece.height || /\s$/.test(last.text) || /^\s/.test(piece.text);
    cells[cells.length - 1] = { text: `${last.text}${blank ? " " : ""}${text}`, x0: last.x0, x1: Math.max(last.x1, x1) };
  }
  return cells;
}

/** True for a line set l i k e t h i s. */
function isSpacedOut(row: readonly Piece[]): boolean {
  const tokens = row.flatMap((piece) => piece.text.trim().split(/\s+/));
  const single = tokens.filter((token) => [...token].length === 1).length;
  return tokens.length >= 8 && single >= 0.8 * tokens.length;
}

/** Cuts a region along its gutter, or else at its widest white band, until nothing is left to cut. */
function toColumns(lines: readonly Line[]): Line[][] {
  if (lines.length === 0) return [];
  const gutter = findGutter(lines);
  if (gutter !== undefined) {
    const side = (keep: (cell: Cell) => boolean): Line[] =>
      lines.map((line) => ({ ...line, cells: line.cells.filter(keep) })).filter((line) => line.cells.length > 0);
    return [...toColumns(side((cell) => cell.x1 <= gutter)), ...toColumns(side((cell) => cell.x0 >= gutter))];
  }
  let cut = 0;
  let widest = 0;
  for (let at = 1; at < lines.length; at++) {
    const [above, below] = [lines[at - 1] as Line, lines[at] as Line];
    const gap = above.y - below.y - Math.max(above.height, below.height);
    if (gap > widest) [cut, widest] = [at, gap];
  }
  const [upper, lower] = [lines.slice(0, cut), lines.slice(cut)];
  const helps = cut > 0 && lines.some((line) => line.cells.length > 1);
  if (!helps) return [[...lines]];
  const parts = [...toColumns(upper), ...toColumns(lower)];
  // A cut that led to no columns would only tear paragraphs of one column apart.
  return parts.length > 2 ? parts : [[...lines]];
}

/** The x of a vertical white band with prose on both of its sides, if there is one. */
function findGutter(lines: readonly Line[]): number | undefined {
  const cells = lines.flatMap((line) => line.cells).sort((a, b) => a.x0 - b.x0);
  let reach = -Infinity;
  for (const cell of cells) {
    if (cell.x0 > reach && reach > -Infinity) {
      const x = (cell.x0 + reach) / 2;
      if (isProse(cells.filter((other) => other.x1 <= x)) && isProse(cells.filter((other) => other.x0 >= x))) return x;
    }
    reach = Math.max(reach, cell.x1);
  }
  return undefined;
}

function isProse(cells: readonly Cell[]): boolean {
  const characters = cells.reduce((sum, cell) => sum + cell.text.length, 0);
  return cells.length >= COLUMN_LINES && characters >= COLUMN_CHARACTERS * cells.length;
}

/** The text height that most characters have. */
function bodyHeight(lines: readonly Line[]): number {
  const characters = new Map<number, number>();
  for (const line of lines) {
    const height = Math.round(line.height * 2) / 2;
    const length = line.cells.reduce((sum, cell) => sum + cell.text.length, 0);
    characters.set(height, (characters.get(height) ?? 0) + length);
  }
  return [...characters].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
}

function toBlocks(lines: readonly Line[], body: number): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let alone = "";
  let open: Line[] = [];
  /** A heading that nothing follows has no text to carry it, so it becomes text itself. */
  const keepAlone = (): void => {
    if (alone !== "") blocks.push({ heading: "", kind: "prose", text: alone });
  };
  const close = (): void => {
    if (open.length > 0) blocks.push(toBlock(open, heading));
    open = [];
  };
  for (const line of lines) {
    const last = open.at(-1);
    const text = line.cells.map((cell) => cell.text).join(" ");
    if (PAGE_NUMBER.test(text)) continue;
    if (line.height >= HEADING_SCALE * body && text.length <= 120) {
      close();
      keepAlone();
      alone = heading = cleanText(text).trim();
      continue;
    }
    alone = "";
    const table = line.cells.length > 1;
    if (last && (last.y - line.y > PARAGRAPH_GAP * line.height || table !== last.cells.length > 1)) close();
    open.push(line);
  }
  close();
  keepAlone();
  return blocks.filter((block) => block.text !== "");
}

function toBlock(lines: readonly Line[], heading: string): Block {
  const table = lines.some((line) => line.cells.length > 1);
  const texts = lines.map((line) => line.cells.map((cell) => cell.text).join(" | "));
  const text = table ? texts.join("\n") : joinLines(texts);
  return { heading, kind: table ? "table" : "prose", text: cleanText(text).trim() };
}

/** Lines of a paragraph as running text; a word that was broken at a line's end is put together again. */
export function joinLines(lines: readonly string[]): string {
  return lines.reduce((whole, line) => {
    if (whole === "") return line;
    if (/\p{L}[-\u00ad\u2010]$/u.test(whole) && /^\p{Ll}/u.test(line)) return whole.slice(0, -1) + line;
    return `${whole} ${line}`;
  }, "");
}
