/**
 * Computes when a failed run is tried again. Pure, apart from the defaults.
 *
 * @example Retry once, a minute after the failure
 * ```ts
 * import type { Backoff } from "@x/scheduler";
 *
 * const once: Backoff = {
 *   nextRetryTime: (prev, retry, now = prev) =>
 *     retry === 1 ? new Date(now.getTime() + 60_000) : undefined,
 * };
 * ```
 */
export interface Backoff {
  /**
   * The time of the next try; `undefined`: give up.
   *
   * @param prev When the run that failed was due.
   * @param retry How many runs in a row have failed, counted from 1.
   * @param now The moment of the failure, by the store's clock. The scheduler
   *   always passes it.
   */
  nextRetryTime(prev: Date, retry: number, now?: Date): Date | undefined;
}

/** Options of {@linkcode ExponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /**
   * The delay before the first retry, in milliseconds.
   *
   * @default 10_000
   */
  readonly initialMs?: number;
  /**
   * No delay is longer, in milliseconds.
   *
   * @default 600_000
   */
  readonly maxMs?: number;
  /**
   * Takes off up to this share of each delay at random, from 0 (none) to 1, so
   * that tasks that failed together do not come back together.
   *
   * @default 0
   */
  readonly jitter?: number;
  /**
   * How many retries there are before it gives up.
   *
   * @default Infinity
   */
  readonly maxRetries?: number;
  /**
   * Randomness for the jitter, from 0 up to 1.
   *
   * @default Math.random
   */
  readonly random?: () => number;
}

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
   * @throws {RangeError} If a delay is not positive, `maxMs` is below
   *   `initialMs`, `jitter` is not from 0 to 1, or `maxRetries` is negative.
   */
  constructor(options: ExponentialBackoffOptions = {}) {
    const {
      initialMs = 10_000,
      maxMs = Math.max(600_000, initialMs),
      jitter = 0,
      maxRetries = Infinity,
      random = Math.random,
    } = options;
    if (!(initialMs > 0 && Number.isFinite(initialMs))) {
      throw new RangeError(
        `Cannot make a backoff with initialMs ${initialMs}: it must be above 0`,
      );
    }
    if (!(maxMs >= initialMs && Number.isFinite(maxMs))) {
      throw new RangeError(
        `Cannot make a backoff with maxMs ${maxMs}: ` +
          `it must be at least initialMs (${initialMs})`,
      );
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new RangeError(
        `Cannot make a backoff with jitter ${jitter}: it must be from 0 to 1`,
      );
    }
    if (!(maxRetries >= 0)) {
      throw new RangeError(
        `Cannot make a backoff with maxRetries ${maxRetries}: ` +
          "it must be 0 or more",
      );
    }
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
   * @throws {RangeError} If a delay is negative or not finite.
   */
  constructor(delaysMs: readonly number[]) {
    delaysMs.forEach((delayMs, index) => {
      if (!(delayMs >= 0 && Number.isFinite(delayMs))) {
        throw new RangeError(
          `Cannot make a backoff with delaysMs[${index}] ${delayMs}: ` +
            "it must be 0 or more",
        );
      }
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
