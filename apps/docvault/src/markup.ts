/** HTML and XML to tags and text, in one pass over the letters. Nothing is fetched, run or expanded. */

export interface Tag {
  /** Lower case. */
  readonly name: string;
  readonly closes: boolean;
  /** `<br/>`: it opens and closes. */
  readonly empty: boolean;
  readonly attributes: string;
}

/** Longer than any tag that means something; a quote that is never closed ends here. */
const LONGEST_TAG = 16_384;
const NAME = /^(\/?)([a-z][^\s/>]*)/i;
const RAW = new Set(["script", "style", "textarea", "title", "xmp", "noscript", "iframe", "noembed", "template"]);

/** Calls back for each tag and each stretch of text between tags, in order. `html`: what is raw there is left out. */
export function readMarkup(source: string, html: boolean, onTag: (tag: Tag) => void, onText: (text: string) => void): void {
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf("<", at);
    if (open === -1) return onText(decoded(source.slice(at)));
    if (open > at) onText(decoded(source.slice(at, open)));
    if (source.startsWith("<!--", open)) {
      at = after(source, "-->", open + 4);
    } else if (source.startsWith("<![CDATA[", open)) {
      const end = source.indexOf("]]>", open);
      onText(source.slice(open + 9, end === -1 ? undefined : end));
      at = end === -1 ? source.length : end + 3;
    } else if (source[open + 1] === "!" || source[open + 1] === "?") {
      at = after(source, ">", open);
    } else {
      const end = tagEnd(source, open);
      const [, slash, name] = NAME.exec(source.slice(open + 1, open + 64)) ?? [];
      if (name === undefined || end === -1) {
        onText("<");
        at = open + 1;
        continue;
      }
      const inside = source.slice(open + 1 + name.length + (slash ?? "").length, end);
      const tag = { name: name.toLowerCase(), closes: slash === "/", empty: inside.endsWith("/"), attributes: inside };
      at = end + 1;
      if (html && !tag.closes && RAW.has(tag.name)) at = rawEnd(source, tag.name, at);
      else onTag(tag);
    }
  }
}

function after(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  return end === -1 ? source.length : end + mark.length;
}

/** Where the tag that opens here ends, outside of its quotes; -1 when it does not. */
function tagEnd(source: string, open: number): number {
  let quote = "";
  const last = Math.min(source.length, open + LONGEST_TAG);
  for (let at = open + 1; at < last; at++) {
    const letter = source[at] as string;
    if (quote !== "") {
      if (letter === quote) quote = "";
    } else if (letter === ">") return at;
    else if (letter === "<") return -1;
    else if ((letter === '"' || letter === "'") && source[at - 1] === "=") quote = letter;
  }
  return -1;
}

function rawEnd(source: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[\\s/>]`, "gi");
  end.lastIndex = from;
  const found = end.exec(source);
  return found ? after(source, ">", found.index) : source.length;
}

/** The value of an attribute, decoded; undefined when it is not there. */
export function attribute(tag: Tag, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(tag.attributes);
  const value = found?.[1] ?? found?.[2] ?? found?.[3];
  return value === undefined ? undefined : decoded(value);
}

const LATIN =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil " +
  "sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute " +
  "Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc " +
  "atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide " +
  "oslash ugrave uacute ucirc uuml yacute thorn yuml";
const NAMED = new Map<string, string>([
  ...LATIN.split(" ").map((name, at): [string, string] => [name, String.fromCharCode(160 + at)]),
  ...Object.entries({
    amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", ndash: "\u2013", mdash: "\u2014", lsquo: "\u2018", rsquo: "\u2019",
    ldquo: "\u201c", rdquo: "\u201d", bull: "\u2022", hellip: "\u2026", euro: "\u20ac", trade: "\u2122", minus: "\u2212",
  }),
]);

function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,8}));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}
