import { type CronExpression, CronExpressionParser } from "cron-parser";
import { type CalendarDays, DAY_MS } from "./calendar_days.ts";
import type { CronFields } from "./cron_expression.ts";

/**
 * The fire times of a cron expression on a wall clock. A wall-clock time is a
 * number: the instant at which a clock set to UTC shows it.
 *
 * The days come from a calendar, so that rare ones cost no search and cannot be
 * missed; cron-parser finds the time of day.
 */
export class WallSchedule {
  /** Whether the hours follow real time through a change of the clocks. */
  readonly hoursAreWild: boolean;
  readonly #days: CalendarDays;
  readonly #times: CronExpression;

  constructor(fields: CronFields) {
    this.hoursAreWild = fields.hoursAreWild;
    this.#days = fields.days;
    const { seconds, minutes, hours } = fields;
    this.#times = CronExpressionParser.parse(
      `${list(seconds, 60)} ${list(minutes, 60)} ${list(hours, 24)} * * *`,
      { tz: "UTC", currentDate: 0 },
    );
  }

  /** The first fire time strictly after `time`; `undefined`: there is none. */
  after(time: number): number | undefined {
    const today = Math.floor(time / DAY_MS);
    const day = this.#days.onOrAfter(today);
    if (day !== today) return this.#firstOn(day);
    const next = this.#timeAfter(time);
    return next < (today + 1) * DAY_MS
      ? next
      : this.#firstOn(this.#days.onOrAfter(today + 1));
  }

  #firstOn(day: number | undefined): number | undefined {
    return day === undefined ? undefined : this.#timeAfter(day * DAY_MS - 1);
  }

  #timeAfter(time: number): number {
    this.#times.reset(new Date(time));
    return this.#times.next().getTime();
  }
}

function list(values: readonly number[], all: number): string {
  return values.length === all ? "*" : values.join(",");
}
