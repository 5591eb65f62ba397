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
   * The zone whose wall clock the expression is about: a name from the IANA
   * database, such as `"Europe/Lisbon"`. A `CRON_TZ=` prefix goes before it. The
   * zone of the machine plays no part.
   *
   * @default "UTC"
   */
  readonly timeZone?: string | undefined;
}

/** The stored form of a {@linkcode CronTrigger}. */
export interface StoredCronTrigger {
  /** Tells it from other triggers. */
  type: "cron";
  /** The expression as it was given. */
  expression: string;
  /** The zone in which it is read. */
  timeZone: string;
}

/**
 * Fires as a cron expression says.
 *
 * An expression has 5 fields (minute, hour, day-of-month, month, day-of-week), 6
 * (a second first) or 7 (a second first, a year last). A field is a list of
 * values, ranges and steps: `*`, `5`, `MON-FRI`, `0-30/10`, `5/15` (from 5 every
 * 15). The day fields also take `?` (any), `L` (last day), `L-3`, `15W`
 * (nearest Monday to Friday), `LW`, `FRIL` (last Friday) and `MON#2` (second
 * Monday); if both are restricted, either may match. Sunday is 0 or 7.
 * `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`
 * and `@every 1h30m` stand for whole expressions.
 *
 * Where the clocks of the zone change, an hour field that is a wildcard (`*`, `*`
 * with a step, or all hours) follows real time: nothing fires for times that are
 * skipped, and times that come twice fire twice. With any other hour field each
 * time fires once: the first of two, and a skipped one as much later as the
 * clocks are set forward, so that 02:30 becomes 03:30. `@every` is elapsed time.
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

  /**
   * Reads and checks the expression, once.
   *
   * @throws {CronExpressionError} If the expression cannot be understood, fires
   * on dates that never come (`0 0 30 2 *`), or its zone is unknown.
   * @throws {TypeError} If the expression or the zone is no string.
   */
  constructor(expression: string, options: CronTriggerOptions = {}) {
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
    return this.#schedule instanceof SimpleTrigger
      ? this.#schedule.nextFireTime(prev)
      : dateOf(nextInZone(this.#schedule, this.#clock, timeOf(prev)));
  }

  /**
   * The first fire time strictly after `after`. Only for `@every` does it depend
   * on `prev`: it is then a whole number of intervals away from it.
   *
   * @throws {RangeError} If `prev` or `after` is an invalid date.
   */
  nextFireTimeAfter(prev: Date, after: Date): Date | undefined {
    return this.#schedule instanceof SimpleTrigger
      ? this.#schedule.nextFireTimeAfter(prev, after)
      : this.nextFireTime(after);
  }

  /**
   * The next `count` fire times after `prev`, for a preview; fewer if the
   * expression ends before.
   *
   * @throws {RangeError} If `prev` is an invalid date, or `count` is not a whole
   * number from 0.
   */
  nextFireTimes(prev: Date, count: number): Date[] {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(
        `Cannot list "${count}" fire times: not a count; a whole number from 0 is right`,
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
   * How long it is until the first fire time, in milliseconds.
   *
   * @param now From when on.
   * @default now new Date()
   * @throws {RangeError} If there is no fire time after `now`, or `now` is an
   * invalid date.
   */
  firstDelayMs(now: Date = new Date()): number {
    const first = this.nextFireTime(now);
    if (first === undefined) {
      throw new RangeError(
        `Cannot compute the first delay of "${this.expression}": ` +
          `it has no fire time after ${now.toISOString()}; a later year is right`,
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

  /** The stored form: what `restoreTrigger` reads back. */
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
      `Cannot use "${value}" as ${what}: no string; a string is right`,
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
      'unknown; a name from the IANA database such as "Europe/Lisbon" is right',
    );
  }
}
