import type { Trigger } from "../src/api/trigger.ts";
import { dateOf, timeOf } from "./instant.ts";

/** The stored form of a {@linkcode SimpleTrigger}. */
export interface StoredSimpleTrigger {
  /** Tells it from other triggers. */
  type: "simple";
  /** The time from one fire time to the next, in milliseconds. */
  intervalMs: number;
}

/**
 * Fires at a fixed rate: each fire time is the one before plus the interval,
 * whatever the time that the runs take, so it does not drift.
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
   * Makes a trigger of a fixed rate.
   *
   * @param intervalMs A whole number of milliseconds, at least 1.
   * @throws {RangeError} If `intervalMs` is anything else.
   */
  constructor(intervalMs: number) {
    if (!Number.isSafeInteger(intervalMs) || intervalMs < 1) {
      throw new RangeError(
        `Cannot use the interval "${intervalMs}": ` +
          "not a number of milliseconds; a whole number from 1 is right",
      );
    }
    this.intervalMs = intervalMs;
  }

  /**
   * `prev` plus the interval; `undefined` past the last instant of a `Date`.
   *
   * @throws {RangeError} If `prev` is an invalid date.
   */
  nextFireTime(prev: Date): Date | undefined {
    return dateOf(timeOf(prev) + this.intervalMs);
  }

  /**
   * The first instant after `after` that is a whole number of intervals away
   * from `prev`. Takes the same time however far apart the two are.
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

  /** The stored form: what `restoreTrigger` reads back. */
  toJSON(): StoredSimpleTrigger {
    return { type: "simple", intervalMs: this.intervalMs };
  }
}
