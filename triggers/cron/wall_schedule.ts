import { type CronExpression, CronExpressionParser } from "cron-parser";
import { DAY_MS } from "../../src/core/durations.ts";
import type { CalendarDays } from "./calendar_days.ts";
import type { CronFields } from "./expression.ts";

/**
 * The fire times of a cron expression on a wall clock. A wall-clock time is given
 * as the instant at which a clock set to UTC shows it.
 *
 * The days come from a calendar, so that rare ones are found quickly and never
 * missed; cron-parser finds the time of day.
 */
export class WallSchedule {
  /** Whether the hours follow real time when the clocks change. */
  readonly hoursAreWild: boolean;
  readonly #days: CalendarDays;
  readonly #firstOfDay: number;
  readonly #lastOfDay: number;
  readonly #times: string;
  /** Made when first needed: many schedules never ask for a second time of day. */
  #parser: CronExpression | undefined;
  /** The time after which `#parser` continues. */
  #position = 0;

  constructor({ seconds, minutes, hours, hoursAreWild, days }: CronFields) {
    this.hoursAreWild = hoursAreWild;
    this.#days = days;
    this.#firstOfDay = timeOfDay(hours[0], minutes[0], seconds[0]);
    this.#lastOfDay = timeOfDay(
      hours[hours.length - 1],
      minutes[minutes.length - 1],
      seconds[seconds.length - 1],
    );
    this.#times = `${list(seconds, 60)} ${list(minutes, 60)} ${
      list(hours, 24)
    } * * *`;
  }

  /** The first fire time strictly after `time`; `undefined`: there is none. */
  after(time: number): number | undefined {
    const today = Math.floor(time / DAY_MS);
    const passed = time - today * DAY_MS;
    const from = passed < this.#lastOfDay ? today : today + 1;
    const day = this.#days.onOrAfter(from);
    if (day === undefined) return undefined;
    return day === today && passed >= this.#firstOfDay
      ? this.#laterToday(time)
      : day * DAY_MS + this.#firstOfDay;
  }

  #laterToday(time: number): number {
    const parser = this.#parser ??= CronExpressionParser.parse(this.#times, {
      tz: "UTC",
      currentDate: this.#position,
    });
    if (time !== this.#position) parser.reset(new Date(time));
    this.#position = parser.next().getTime();
    return this.#position;
  }
}

function timeOfDay(hour: number, minute: number, second: number): number {
  return ((hour * 60 + minute) * 60 + second) * 1000;
}

function list(values: readonly number[], all: number): string {
  return values.length === all ? "*" : values.join(",");
}
