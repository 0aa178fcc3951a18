/** What an extractor makes of a file. */

export type DocumentKind = "pdf" | "markdown" | "text" | "html" | "docx";

/** A piece of a page that belongs together. Tables keep one row on a line; code keeps its lines. */
export interface Block {
  readonly heading: string;
  readonly kind: "prose" | "table" | "code";
  readonly text: string;
}

/** Pages are numbered from 1; a Markdown or text file is one page. */
export interface Page {
  readonly number: number;
  readonly blocks: readonly Block[];
}

export type ProblemCode =
  | "no_text_layer"
  | "read_from_picture"
  | "blank_page"
  | "unreadable_page"
  | "damaged"
  | "locked"
  | "not_text"
  | "empty"
  | "too_large"
  | "too_many_pages"
  | "unreadable"
  | "unsupported"
  | "hidden"
  | "stopped"
  | "guessed_encoding";

/** Something the person must know about a file. `page` is null when it concerns the whole file. */
export interface Problem {
  readonly code: ProblemCode;
  readonly page: number | null;
  readonly message: string;
}

export interface Extraction {
  readonly kind: DocumentKind;
  readonly pageCount: number;
  readonly pages: readonly Page[];
  readonly problems: readonly Problem[];
}

/** A file from which nothing can be kept. `problem` says why, in words for the person. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
  readonly problem: Problem;

  constructor(code: ProblemCode, message: string) {
    super(message);
    this.problem = { code, page: null, message };
  }
}
