import { printable } from "./text.ts";

/** No slug and no kind is longer, in UTF-16 code units. */
const MAX_NAME_LENGTH = 255;

/** Databases agree on dates up to here. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Throws if `name` cannot be the slug of a task or the kind of a job. */
export function checkName(what: "slug" | "kind", name: unknown): void {
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot use ${printable(name)} as a ${what}: it must be a string`,
    );
  }
  const reason = nameFault(name);
  if (reason !== undefined) {
    throw new RangeError(
      `Cannot use ${printable(name)} as a ${what}: ${reason}`,
    );
  }
}

function nameFault(name: string): string | undefined {
  if (name === "") return "it must not be empty";
  if (name.length > MAX_NAME_LENGTH) {
    return `it has ${name.length} characters; at most ${MAX_NAME_LENGTH} are allowed`;
  }
  if (name.includes("\0")) return "it must not contain NUL";
  if (!name.isWellFormed()) return "it must not contain a lone surrogate";
}

/** Whether `when` is a date that every store can keep. */
export function isStorable(when: unknown): when is Date {
  return when instanceof Date && when.getTime() >= 0 &&
    when.getTime() <= MAX_TIME;
}

/** Throws if `when` is not a date that every store can keep. */
export function checkWhen(slug: string, when: unknown): Date {
  if (!(when instanceof Date) || Number.isNaN(when.getTime())) {
    throw new RangeError(
      `Cannot schedule "${slug}" at ${
        printable(when)
      }: it must be a valid Date`,
    );
  }
  if (!isStorable(when)) {
    throw new RangeError(
      `Cannot schedule "${slug}" at ${printable(when)}: ` +
        "the year must be from 1970 to 9999",
    );
  }
  return when;
}

/** Throws if `delayMs` is not a delay that ends before the year 10000. */
export function checkDelay(
  slug: string,
  delayMs: unknown,
  now: number,
): number {
  if (typeof delayMs !== "number" || !(delayMs >= 0)) {
    throw new RangeError(
      `Cannot schedule "${slug}" with delayMs ${printable(delayMs)}: ` +
        "it must be a number of milliseconds, 0 or more",
    );
  }
  if (now + delayMs > MAX_TIME) {
    throw new RangeError(
      `Cannot schedule "${slug}" with delayMs ${delayMs}: ` +
        "it must end before the year 10000",
    );
  }
  return delayMs;
}

/** Throws if an option in milliseconds is not a number above (or from) `min`. */
export function checkDuration(
  name: string,
  value: unknown,
  { min, max = Infinity }: { min: number; max?: number },
): void {
  if (
    typeof value !== "number" || !Number.isFinite(value) || value < min ||
    value > max
  ) {
    throw new RangeError(
      `Cannot use ${name} ${printable(value)}: it must be a number of ` +
        `milliseconds, at least ${min}` +
        (max === Infinity ? "" : ` and at most ${max}`),
    );
  }
}
