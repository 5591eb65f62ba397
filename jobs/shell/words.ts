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
      throw new SyntaxError(
        `Cannot split the command "${command}": the ${command[at]} at ` +
          `character ${at + 1} is not closed`,
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
