import { printable } from "../src/core/text.ts";
import type { Trigger } from "../src/api/trigger.ts";
import { dateOf, timeOf } from "./instant.ts";

/** The stored form of a {@linkcode SimpleTrigger}. */
export interface StoredSimpleTrigger {
  /** Distinguishes it from other triggers. */
  type: "simple";
  /** The time from one fire time to the next, in milliseconds. */
  intervalMs: number;
}

/**
 * Fires at a fixed rate: each fire time is the previous one plus the interval,
 * however long the runs take, so that it does not drift.
 *
 * @example Every ten seconds
 * ```ts
 * import { SimpleTrigger } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const trigger = new SimpleTrigger(10_000);
 * assertEquals(
 *   trigger.nextFireTime(new Date("2026-01-01T00:00:03Z")),
 *   new Date("2026-01-01T00:00:13Z"),
 * );
 * ```
 */
export class SimpleTrigger implements Trigger {
  /** Names the class in the stored form. */
  static readonly type: string = "simple";

  /** The time from one fire time to the next, in milliseconds. */
  readonly intervalMs: number;

  /**
   * Makes a trigger with a fixed rate.
   *
   * @param intervalMs A whole number of milliseconds, 1 or more.
   * @throws {RangeError} If `intervalMs` is anything else.
   */
  constructor(intervalMs: number) {
    if (!Number.isSafeInteger(intervalMs) || intervalMs < 1) {
      throw new RangeError(
        `Cannot use ${printable(intervalMs)} as intervalMs: ` +
          "expected a whole number of milliseconds, 1 or more",
      );
    }
    this.intervalMs = intervalMs;
  }

  /**
   * `prev` plus the interval; `undefined` if a `Date` cannot hold it.
   *
   * @throws {RangeError} If `prev` is an invalid date.
   */
  nextFireTime(prev: Date): Date | undefined {
    return dateOf(timeOf(prev) + this.intervalMs);
  }

  /**
   * The first instant strictly after `after` that is a whole number of intervals
   * away from `prev`; found at once, however far apart the two are.
   *
   * @throws {RangeError} If `prev` or `after` is an invalid date.
   */
  nextFireTimeAfter(prev: Date, after: Date): Date | undefined {
    const from = timeOf(prev);
    const passed = Math.floor((timeOf(after) - from) / this.intervalMs);
    return dateOf(from + (passed + 1) * this.intervalMs);
  }

  /**
   * Makes a trigger from its stored form.
   *
   * @throws As the constructor.
   */
  static fromJSON({ intervalMs }: StoredSimpleTrigger): SimpleTrigger {
    return new SimpleTrigger(intervalMs);
  }

  /** The stored form, which `fromJSON` reads back. */
  toJSON(): StoredSimpleTrigger {
    return { type: "simple", intervalMs: this.intervalMs };
  }
}
