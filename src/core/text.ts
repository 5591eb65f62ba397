/** No result is longer, in UTF-16 code units. */
const MAX_RESULT_LENGTH = 65_536;

const CUT_MARK = "… (cut)";

/**
 * Text that every store can keep: no NUL, no lone surrogate, and no more than
 * 64 Ki characters, marked where it was cut.
 */
export function storableText(text: string): string {
  const short = text.length > MAX_RESULT_LENGTH
    ? text.slice(0, MAX_RESULT_LENGTH - CUT_MARK.length) + CUT_MARK
    : text;
  return short.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** The message of whatever was thrown; never throws itself. */
export function errorText(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    return String(error.message === "" ? error.name : error.message);
  } catch {
    return "an error that cannot be printed";
  }
}

/** A value as error messages show it. */
export function printable(value: unknown): string {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime())
      ? "an invalid Date"
      : value.toISOString();
  }
  if (typeof value !== "string") return stringOf(value);
  const short = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return JSON.stringify(short);
}

function stringOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `an ${typeof value}`;
  }
}
