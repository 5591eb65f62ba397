import type { Backoff } from "../api/backoff.ts";
import { CENTURY_MS } from "./durations.ts";
import { checkOptions } from "./options.ts";
import { printable } from "./text.ts";

/** Options of {@linkcode ExponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /**
   * The delay before the first retry, in milliseconds.
   *
   * @default 10_000, or maxMs if that is less
   */
  readonly initialMs?: number | undefined;
  /**
   * No delay is longer, in milliseconds.
   *
   * @default 600_000, or initialMs if that is more
   */
  readonly maxMs?: number | undefined;
  /**
   * Takes off up to this share of each delay at random, from 0 (none) to 1, so
   * that tasks that failed together do not come back together.
   *
   * @default 0
   */
  readonly jitter?: number | undefined;
  /**
   * How many retries there are before it gives up.
   *
   * @default Infinity
   */
  readonly maxRetries?: number | undefined;
  /**
   * Randomness for the jitter, from 0 up to 1.
   *
   * @default Math.random
   */
  readonly random?: (() => number) | undefined;
}

const BACKOFF_OPTIONS: readonly (keyof ExponentialBackoffOptions)[] = [
  "initialMs",
  "maxMs",
  "jitter",
  "maxRetries",
  "random",
];

/**
 * Waits twice as long before each retry: 10 s, 20 s, 40 s … up to 10 minutes.
 * The delay counts from now, not from when the run was due.
 *
 * @example The delays
 * ```ts
 * import { ExponentialBackoff } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const backoff = new ExponentialBackoff({ initialMs: 1_000, maxMs: 3_000 });
 * const now = new Date("2026-01-01T00:00:00Z");
 * const delays = [1, 2, 3].map((retry) =>
 *   backoff.nextRetryTime(now, retry, now)!.getTime() - now.getTime()
 * );
 * assertEquals(delays, [1_000, 2_000, 3_000]);
 * ```
 */
export class ExponentialBackoff implements Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #maxRetries: number;
  readonly #random: () => number;

  /**
   * Makes a backoff.
   *
   * @throws {RangeError} If a delay is not above 0 and up to 100 years, `maxMs`
   *   is below `initialMs`, `jitter` is not from 0 to 1, or `maxRetries` is negative.
   * @throws {TypeError} If an option does not exist.
   */
  constructor(options: ExponentialBackoffOptions = {}) {
    checkOptions("make a backoff", options, BACKOFF_OPTIONS);
    const { jitter = 0, maxRetries = Infinity, random = Math.random } = options;
    const check = (
      isRight: boolean,
      name: keyof ExponentialBackoffOptions,
      expected: string,
    ) => {
      if (isRight) return;
      throw new RangeError(
        `Cannot make a backoff with ${name} ${printable(options[name])}: ` +
          `expected ${expected}`,
      );
    };
    const { initialMs: first, maxMs: longest } = options;
    const delay = "a number of milliseconds above 0, up to 100 years";
    check(first === undefined || isDelay(first), "initialMs", delay);
    check(
      longest === undefined || isDelay(longest) && !(first! > longest),
      "maxMs",
      first === undefined
        ? delay
        : `a number of milliseconds from ${first} (initialMs) to 100 years`,
    );
    check(isNumber(jitter, 0, 1), "jitter", "a number from 0 to 1");
    check(isNumber(maxRetries, 0), "maxRetries", "0 or more, or Infinity");
    check(typeof random === "function", "random", "a function");
    const initialMs = first ?? Math.min(10_000, longest ?? Infinity);
    const maxMs = longest ?? Math.max(600_000, initialMs);
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#jitter = jitter;
    this.#maxRetries = maxRetries;
    this.#random = random;
  }

  /** The time of the next try: `now` (or the clock's) plus the delay. */
  nextRetryTime(
    _prev: Date,
    retry: number,
    now: Date = new Date(),
  ): Date | undefined {
    if (retry > this.#maxRetries) return undefined;
    const delayMs = Math.min(this.#initialMs * 2 ** (retry - 1), this.#maxMs);
    const cut = this.#jitter === 0 ? 0 : this.#jitter * this.#random();
    return new Date(now.getTime() + delayMs * (1 - cut));
  }
}

function isNumber(value: unknown, min: number, max = Infinity): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function isDelay(value: unknown): boolean {
  return value !== 0 && isNumber(value, 0, CENTURY_MS);
}

/**
 * Waits for each retry as long as a list says, and gives up at its end.
 *
 * @example Three retries
 * ```ts
 * import { FixedBackoff } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const backoff = new FixedBackoff([1_000, 5_000, 60_000]);
 * const failed = new Date("2026-01-01T00:00:00Z");
 * assertEquals(
 *   backoff.nextRetryTime(failed, 2),
 *   new Date("2026-01-01T00:00:05Z"),
 * );
 * assertEquals(backoff.nextRetryTime(failed, 4), undefined);
 * ```
 */
export class FixedBackoff implements Backoff {
  readonly #delaysMs: readonly number[];

  /**
   * Makes a backoff.
   *
   * @param delaysMs The delays in milliseconds; none: never retry.
   * @throws {RangeError} If a delay is negative, or longer than 100 years.
   * @throws {TypeError} If `delaysMs` is not an array.
   */
  constructor(delaysMs: readonly number[]) {
    if (!Array.isArray(delaysMs)) {
      throw new TypeError(
        `Cannot make a backoff with delaysMs ${printable(delaysMs)}: ` +
          "expected an array of milliseconds",
      );
    }
    Array.from(delaysMs).forEach((delayMs: unknown, index) => {
      if (isNumber(delayMs, 0, CENTURY_MS)) return;
      throw new RangeError(
        `Cannot make a backoff with delaysMs[${index}] ${
          printable(delayMs)
        }: expected a number of milliseconds from 0 to 100 years`,
      );
    });
    this.#delaysMs = [...delaysMs];
  }

  /** The time of the next try: `now` (or else `prev`) plus the delay. */
  nextRetryTime(prev: Date, retry: number, now: Date = prev): Date | undefined {
    const delayMs = this.#delaysMs[retry - 1];
    return delayMs === undefined
      ? undefined
      : new Date(now.getTime() + delayMs);
  }
}
