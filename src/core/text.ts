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

/** How many errors a reason is made of, and how much it says of each but the first. */
const REASON = { errors: 16, length: 1_000 };

/**
 * The message of whatever was thrown, followed by those of its cause and, for an
 * AggregateError, of its members, and so on; what a message says already is not
 * repeated. For where nobody sees the error itself. Never throws itself.
 */
export function reasonText(error: unknown): string {
  return reasonOf(error, new Set());
}

function reasonOf(error: unknown, seen: Set<unknown>): string {
  seen.add(error);
  const text = isBareAggregate(error) ? "" : errorText(error);
  const details: string[] = [];
  for (const behind of errorsBehind(error)) {
    if (seen.size === REASON.errors) break;
    if (seen.has(behind)) continue;
    const detail = reasonOf(behind, seen);
    const isNews = detail !== "" && !detail.startsWith("[object ") &&
      !text.includes(detail) && !details.includes(detail);
    if (isNews) details.push(cutAt(REASON.length, detail));
  }
  if (details.length === 0) return text === "" ? errorText(error) : text;
  return text === "" ? details.join(", ") : `${text}: ${details.join(", ")}`;
}

function errorsBehind(error: unknown): unknown[] {
  try {
    if (!(error instanceof Error)) return [];
    const members: unknown[] = error instanceof AggregateError
      ? error.errors.slice(0, REASON.errors)
      : [];
    return [...members, error.cause].filter((behind) => behind != null);
  } catch {
    return [];
  }
}

/** Whether an error says nothing but what its members say. */
function isBareAggregate(error: unknown): boolean {
  try {
    return error instanceof AggregateError && error.message === "";
  } catch {
    return false;
  }
}

function cutAt(length: number, text: string): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** No value is shown longer, in UTF-16 code units. */
const MAX_SHOWN_LENGTH = 60;

/** A value as error messages show it; never throws itself. */
export function printable(value: unknown): string {
  try {
    switch (typeof value) {
      case "string":
        return JSON.stringify(cutAt(MAX_SHOWN_LENGTH, value));
      case "function":
        return nameOfFunction(value);
      case "object":
        return value === null ? "null" : nameOfObject(value);
      default:
        return cutAt(MAX_SHOWN_LENGTH, String(value));
    }
  } catch {
    return "an object";
  }
}

function nameOfFunction(value: { readonly name: unknown }): string {
  const source = Function.prototype.toString.call(value);
  if (!source.startsWith("class")) return "a function";
  return isName(value.name) ? `class ${value.name}` : "a class";
}

function nameOfObject(value: object): string {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime())
      ? "an invalid Date"
      : value.toISOString();
  }
  if (Array.isArray(value)) return "an array";
  const name: unknown = value.constructor?.name;
  if (!isName(name) || name === "Object") return "an object";
  return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
}

function isName(name: unknown): name is string {
  return typeof name === "string" && name !== "" &&
    name.length <= MAX_SHOWN_LENGTH;
}
