import { printable } from "../../src/core/text.ts";

/**
 * Splits a command into words, without a shell. Spaces, tabs and line breaks
 * separate words. In single quotes everything stands for itself; in double quotes
 * all but `\` and `"`; outside, `\` makes the next character stand for itself.
 * Nothing is expanded: `$`, `*`, `|`, `;` and the like have no meaning.
 *
 * @throws {SyntaxError} If a quote is not closed or the last character is `\`.
 */
export function shellWords(command: string): string[] {
  const words: string[] = [];
  const token =
    /[ \t\r\n]+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^ \t\r\n'"\\]+)/ysu;
  let word: string | undefined;
  while (token.lastIndex < command.length) {
    const at = token.lastIndex;
    const match = token.exec(command);
    if (match === null) {
      const mark = command[at];
      throw new SyntaxError(
        `Cannot split the command ${printable(command)}: the ${mark} at ` +
          `character ${at + 1} is not closed: expected ` +
          (mark === "\\" ? "a character after it" : `another ${mark}`),
      );
    }
    const [, single, double, escaped, plain] = match;
    const part = single ?? double?.replace(/\\(["\\])/g, "$1") ?? escaped ??
      plain;
    if (part !== undefined) word = (word ?? "") + part;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
