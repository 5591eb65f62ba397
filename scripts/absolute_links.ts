const FENCE = /^ *(`{3,}(?!.*`)|~{3,})/;
const INDENTED = /^(?: {4}|\t)/;
const LIST_ITEM = /^\s*(?:[-*+]|\d+[.)])\s/;

/** Where a link leads, with or without angle brackets. */
const TARGET = /<(?<bracketed>[^<>\n]*)>|(?<bare>(?:[^\s()<>]|\([^\s()]*\))+)/;
const LITERAL = /\\[^]|(?<!`)(?<ticks>`+)(?!`)[^]*?(?<!`)\k<ticks>(?!`)/;
/** Not a footnote. */
const NAME = /^ {0,3}\[[^^\]\n][^\]\n]*/;
/** In this order: literal text, `[` and `![`, `](target` and `[name]: target`, `]`. */
const TOKEN = new RegExp(
  `${LITERAL.source}|(?<begin>!?\\[)|` +
    `(?<end>\\]\\(\\s*|(?<=${NAME.source})\\]:\\s*)(?:${TARGET.source})|\\]`,
  "gm",
);
/** What has a scheme or a host of its own, or is on the page. */
const ELSEWHERE = /^(?:$|#|\/\/|[a-z][a-z\d+.-]*:)/i;

/**
 * Rewrites the relative links of a Markdown page that is in the root of the
 * repository: on npm they lead nowhere. Code stays as it is.
 */
export function absoluteLinks(markdown: string, repository: string): string {
  return partsOf(markdown)
    .map(({ isCode, lines }) => {
      const text = lines.join("\n");
      return isCode ? text : rewriteProse(text, repository);
    })
    .join("\n");
}

interface Part {
  readonly isCode: boolean;
  readonly lines: string[];
}

/** Parts blocks of code, and paragraphs: a code span ends with its paragraph. */
function partsOf(markdown: string): Part[] {
  const parts: Part[] = [];
  let fence: string | undefined;
  let [isAfterCode, isAfterBlank, isInList] = [false, true, false];
  for (const line of markdown.split("\n")) {
    const isBlank = line.trim() === "";
    const [, mark] = line.match(FENCE) ?? [];
    let isCode = fence !== undefined || mark !== undefined;
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    if (!isCode && !isBlank) {
      const isIndented = INDENTED.test(line);
      isInList = LIST_ITEM.test(line) ||
        isInList && (isIndented || !isAfterBlank);
      isCode = isIndented && !isInList && (isAfterBlank || isAfterCode);
    }
    const last = parts.at(-1);
    if (last === undefined || last.isCode !== isCode || isBlank) {
      parts.push({ isCode, lines: [line] });
    } else last.lines.push(line);
    [isAfterCode, isAfterBlank] = [isCode, isBlank];
  }
  return parts;
}

function rewriteProse(prose: string, repository: string): string {
  // What stands in the text of a link, such as an image, ends before it does.
  const begun: string[] = [];
  return prose.replace(TOKEN, (token, ...rest) => {
    const { begin, end, bracketed, bare } = rest.at(-1);
    if (begin !== undefined) begun.push(begin);
    const begunBy = token.startsWith("]") ? begun.pop() : undefined;
    const path = bracketed ?? bare;
    if (end === undefined || begunBy === undefined || ELSEWHERE.test(path)) {
      return token;
    }
    const view = begunBy === "![" ? "raw" : "blob";
    const root = `${repository}/${view}/main/`;
    return end + new URL(path.replace(/^\/+/, ""), root).href;
  });
}
