import { printable } from "../src/core/text.ts";
import { checkOptions } from "../src/core/options.ts";
import { CronExpressionError } from "../src/api/errors.ts";
import type { Trigger } from "../src/api/trigger.ts";
import { parseCronExpression } from "./cron/expression.ts";
import { dateOf, timeOf } from "./instant.ts";
import { SimpleTrigger } from "./simple_trigger.ts";
import { WallClock } from "./cron/wall_clock.ts";
import { WallSchedule } from "./cron/wall_schedule.ts";
import { nextInZone } from "./cron/zoned_schedule.ts";

/** How a {@linkcode CronTrigger} reads its expression. */
export interface CronTriggerOptions {
  /**
   * The zone whose wall clock the expression refers to: a name from the IANA
   * database, such as `"Europe/Lisbon"`. A `CRON_TZ=` prefix takes precedence. The
   * zone of the machine does not matter.
   *
   * @default "UTC"
   */
  readonly timeZone?: string | undefined;
}

/** The stored form of a {@linkcode CronTrigger}. */
export interface StoredCronTrigger {
  /** Distinguishes it from other triggers. */
  type: "cron";
  /** The expression as it was given. */
  expression: string;
  /** The zone in which it is read. */
  timeZone: string;
}

/**
 * Fires at the times of a cron expression.
 *
 * An expression has 5 fields (minute, hour, day-of-month, month, day-of-week), 6
 * (second first) or 7 (second first, year last; 1970 to 9999). A field is a list
 * of values, ranges and steps: `*`, `5`, `MON-FRI`, `0-30/10`, `5/15` (every 15,
 * starting at 5). The day fields also accept `?` (any), `L` (last day), `L-3`
 * (third before the last), `15W` (Monday to Friday nearest to the 15th), `LW`,
 * `FRIL` (last Friday) and `MON#2` (second Monday); if both are restricted, a day
 * that matches either fires. Sunday is 0 or 7. `@yearly`, `@annually`,
 * `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` and `@every 1h30m`
 * stand for whole expressions.
 *
 * When the clocks of the zone change, the hour field decides:
 *
 * - `*`, `*` with a step (every second hour, say) or all 24 hours: it follows real
 *   time and fires whenever the clock shows a matching time. A time that is
 *   skipped does not fire, and a time that comes twice fires twice.
 * - Anything else, such as `2`, `8-18` or `0/2`: each matching time fires once. Of
 *   a time that comes twice, the first fires; a time that is skipped fires later
 *   by as much as the clocks are set forward, so that 02:30 becomes 03:30.
 *
 * `@every` counts elapsed time and ignores changes of the clocks.
 *
 * @example Every working day at nine in Lisbon
 * ```ts
 * import { CronTrigger } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const trigger = new CronTrigger("0 9 * * MON-FRI", { timeZone: "Europe/Lisbon" });
 * assertEquals(
 *   trigger.nextFireTime(new Date("2026-07-03T08:00:00Z")), // Friday, 09:00 in Lisbon
 *   new Date("2026-07-06T08:00:00Z"),
 * );
 * ```
 */
export class CronTrigger implements Trigger {
  /** Names the class in the stored form. */
  static readonly type: string = "cron";

  /** The expression as it was given. */
  readonly expression: string;
  /** The zone in which it is read. */
  readonly timeZone: string;
  readonly #schedule: SimpleTrigger | WallSchedule;
  readonly #clock: WallClock;
  /** The last answer: nothing fires after `#askedFor` and before `#found`. */
  #askedFor = NaN;
  #found = NaN;

  /**
   * Reads and checks the expression, once.
   *
   * @throws {CronExpressionError} If the expression cannot be parsed, its dates
   * never come (`0 0 30 2 *`), or its zone is unknown.
   * @throws {TypeError} If the expression or the zone is not a string.
   */
  constructor(expression: string, options: CronTriggerOptions = {}) {
    checkOptions("make a CronTrigger", options, ["timeZone"]);
    const { timeZone = "UTC" } = options;
    requireString("cron expression", expression);
    requireString("time zone", timeZone);
    const parsed = parseCronExpression(expression);
    this.#clock = clockOf(expression, timeZone);
    if (parsed.timeZone !== undefined) {
      this.#clock = clockOf(expression, parsed.timeZone);
    }
    this.expression = expression;
    this.timeZone = parsed.timeZone ?? timeZone;
    this.#schedule = "everyMs" in parsed.schedule
      ? new SimpleTrigger(parsed.schedule.everyMs)
      : new WallSchedule(parsed.schedule.fields);
  }

  /**
   * The first fire time strictly after `prev`; `undefined`: there is none.
   *
   * @throws {RangeError} If `prev` is an invalid date.
   */
  nextFireTime(prev: Date): Date | undefined {
    if (this.#schedule instanceof SimpleTrigger) {
      return this.#schedule.nextFireTime(prev);
    }
    const time = timeOf(prev);
    if (time >= this.#askedFor && time < this.#found) {
      return dateOf(this.#found);
    }
    const next = nextInZone(this.#schedule, this.#clock, time);
    if (next !== undefined) [this.#askedFor, this.#found] = [time, next];
    return dateOf(next);
  }

  /**
   * The first fire time strictly after `after`. Only `@every` depends on `prev`:
   * its fire times are a whole number of intervals away from it.
   *
   * @throws {RangeError} If `prev` or `after` is an invalid date.
   */
  nextFireTimeAfter(prev: Date, after: Date): Date | undefined {
    return this.#schedule instanceof SimpleTrigger
      ? this.#schedule.nextFireTimeAfter(prev, after)
      : this.nextFireTime(after);
  }

  /**
   * The next `count` fire times after `prev`, for a preview; fewer if there are
   * no more.
   *
   * @throws {RangeError} If `prev` is an invalid date, or `count` is not a whole
   * number, 0 or more.
   */
  nextFireTimes(prev: Date, count: number): Date[] {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(
        `Cannot list ${
          printable(count)
        } fire times: expected a whole number, 0 or more`,
      );
    }
    const times: Date[] = [];
    let last: Date | undefined = prev;
    while (times.length < count) {
      last = this.nextFireTime(last);
      if (last === undefined) break;
      times.push(last);
    }
    return times;
  }

  /**
   * The time until the first fire time, in milliseconds.
   *
   * @param now The instant to count from.
   * @default now new Date()
   * @throws {RangeError} If there is no fire time after `now`, or `now` is an
   * invalid date.
   */
  firstDelayMs(now: Date = new Date()): number {
    const first = this.nextFireTime(now);
    if (first === undefined) {
      throw new RangeError(
        `Cannot compute the first delay of "${this.expression}": ` +
          `no fire time after ${now.toISOString()}, expected a later year`,
      );
    }
    return first.getTime() - now.getTime();
  }

  /**
   * Makes a trigger from its stored form.
   *
   * @throws As the constructor.
   */
  static fromJSON({ expression, timeZone }: StoredCronTrigger): CronTrigger {
    return new CronTrigger(expression, { timeZone });
  }

  /** The stored form, which `fromJSON` reads back. */
  toJSON(): StoredCronTrigger {
    return {
      type: "cron",
      expression: this.expression,
      timeZone: this.timeZone,
    };
  }
}

function requireString(what: string, value: unknown): void {
  if (typeof value !== "string") {
    throw new TypeError(
      `Cannot use ${printable(value)} as ${what}: expected a string`,
    );
  }
}

function clockOf(expression: string, timeZone: string): WallClock {
  try {
    return WallClock.of(timeZone);
  } catch {
    throw new CronExpressionError(
      expression,
      "time zone",
      timeZone,
      'unknown, expected a name from the IANA database such as "Europe/Lisbon"',
    );
  }
}
