/** How much of a longer text is in a message, in UTF-16 code units. */
const MAX_SAID = 1_000;

/** The beginning of a text, for a message. */
export function beginningOf(text: string): string {
  return text.length > MAX_SAID
    ? `${text.slice(0, MAX_SAID).toWellFormed()}…`
    : text;
}

/** The end of a text, for a message. */
export function endOf(text: string): string {
  return text.length > MAX_SAID
    ? `…${text.slice(-MAX_SAID).toWellFormed()}`
    : text;
}
