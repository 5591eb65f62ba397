import { CENTURY_MS, MAX_TIMER_MS } from "./durations.ts";
import { printable } from "./text.ts";

/** No slug and no kind is longer, in UTF-16 code units. */
const MAX_NAME_LENGTH = 255;

/** Databases agree on dates up to here. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Throws if `name` cannot be the slug of a task or the kind of a job. */
export function checkName(what: "slug" | "kind", name: unknown): void {
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot use ${printable(name)} as a ${what}: expected a string`,
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
  if (name === "") return "expected at least one character";
  if (name.length > MAX_NAME_LENGTH) {
    return `it has ${name.length} characters; expected at most ${MAX_NAME_LENGTH}`;
  }
  if (name.includes("\0")) return "expected no NUL in it";
  if (!name.isWellFormed()) return "expected no lone surrogate in it";
}

/** Whether `when` is a date that every store can keep. */
export function isStorable(when: unknown): when is Date {
  return when instanceof Date && when.getTime() >= 0 &&
    when.getTime() <= MAX_TIME;
}

/** A copy of `when`; throws if it is not a date that every store can keep. */
export function checkWhen(slug: string, when: unknown): Date {
  if (!(when instanceof Date) || Number.isNaN(when.getTime())) {
    throw new RangeError(
      `Cannot schedule "${slug}" at ${printable(when)}: expected a valid Date`,
    );
  }
  if (!isStorable(when)) {
    throw new RangeError(
      `Cannot schedule "${slug}" at ${printable(when)}: ` +
        "expected a year from 1970 to 9999",
    );
  }
  return new Date(when);
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
        "expected a number of milliseconds, 0 or more",
    );
  }
  if (now + delayMs > MAX_TIME) {
    throw new RangeError(
      `Cannot schedule "${slug}" with delayMs ${delayMs}: ` +
        "expected a due time before the year 10000",
    );
  }
  return delayMs;
}

/** Throws if an option is not a number of milliseconds from `min` to `max`. */
export function checkDuration(
  name: string,
  value: unknown,
  { min, max = MAX_TIMER_MS }: { min: number; max?: number },
): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw new RangeError(
    `Cannot use ${name} ${printable(value)}: expected a number of ` +
      `milliseconds from ${min} to ${max}`,
  );
}

/** Throws if `value` lacks one of the methods. */
export function checkMethods(
  action: string,
  what: string,
  value: unknown,
  methods: readonly string[],
): void {
  const missing = methods.filter((method) =>
    typeof Object(value)[method] !== "function"
  );
  if (missing.length === 0) return;
  throw new TypeError(
    `Cannot ${action}: expected ${what} with ${
      missing.length === 1 ? "the method" : "the methods"
    } ${missing.join(", ")}, got ${printable(value)}`,
  );
}

/** Throws if `clock` is no clock. */
export function checkClock(action: string, clock: unknown): void {
  const methods = ["now", "monotonic", "sleep", "random"];
  checkMethods(action, "a clock", clock, methods);
}

/** Throws if `logger` is no logger. */
export function checkLogger(action: string, logger: unknown): void {
  const methods = ["debug", "info", "warn", "error"];
  checkMethods(action, "a logger", logger, methods);
}

/** Throws if an option is not a time to stay or to wait, or `Infinity`. */
export function checkStay(name: string, value: unknown): void {
  const isDuration = typeof value === "number" && value >= 0 &&
    value <= CENTURY_MS;
  if (isDuration || value === Infinity) return;
  throw new RangeError(
    `Cannot use ${name} ${printable(value)}: expected a number of ` +
      "milliseconds from 0 to 100 years, or Infinity",
  );
}

/** Throws if `priority` is none. */
export function checkPriority(slug: string, priority: unknown): void {
  if (
    Number.isInteger(priority) && priority as number >= 1 &&
    priority as number <= 4
  ) return;
  throw new RangeError(
    `Cannot schedule "${slug}" with priority ${printable(priority)}: ` +
      "expected an integer from 1 (first) to 4",
  );
}

/** Throws if an option is not a short text. */
export function checkLabel(option: string, value: unknown): void {
  if (typeof value === "string" && nameFault(value) === undefined) return;
  throw new TypeError(
    `Cannot use ${option} ${printable(value)}: expected a text of 1 to ` +
      `${MAX_NAME_LENGTH} characters`,
  );
}
