import { anyOf, type DayRule, everyDay, type MonthShape } from "./days.ts";

/** The length of a day on a wall clock set to UTC. */
export const DAY_MS = 86_400_000;

/**
 * The longest that a day can let people wait: a 29 February on a given weekday
 * comes every 28 years, and after 40 years around most ends of centuries.
 */
const LONGEST_WAIT_YEARS = 40;

/** The first and the last year that a `Date` can hold as a whole. */
const FIRST_YEAR = -271_820;
const LAST_YEAR = 275_759;

/** The fields of a cron expression that say on which days it fires. */
export interface DayFields {
  /** The months, in order; January is 1. */
  readonly months: readonly number[];
  /** The years, in order; `undefined`: not restricted. */
  readonly years: readonly number[] | undefined;
  /** `undefined`: not restricted. */
  readonly daysOfMonth: DayRule | undefined;
  /** `undefined`: not restricted. */
  readonly daysOfWeek: DayRule | undefined;
}

/** The days on which a cron expression fires, counted from 1970-01-01. */
export class CalendarDays {
  readonly #months: ReadonlySet<number>;
  readonly #years: ReadonlySet<number> | undefined;
  readonly #firstDay: number;
  readonly #lastYear: number | undefined;
  readonly #rule: DayRule;
  #lastMonth = NaN;
  #lastDays = 0;

  constructor({ months, years, daysOfMonth, daysOfWeek }: DayFields) {
    this.#months = new Set(months);
    this.#years = years && new Set(years);
    this.#firstDay = firstOfMonth(years?.[0] ?? FIRST_YEAR, 1);
    this.#lastYear = years?.at(-1);
    this.#rule = daysOfMonth !== undefined && daysOfWeek !== undefined
      ? anyOf([daysOfMonth, daysOfWeek])
      : daysOfMonth ?? daysOfWeek ?? everyDay;
  }

  /** The first such day from `day` on; `undefined`: there is none. */
  onOrAfter(day: number): number | undefined {
    const date = new Date(Math.max(day, this.#firstDay) * DAY_MS);
    let year = date.getUTCFullYear();
    let month = date.getUTCMonth() + 1;
    let fromDay = -1 << date.getUTCDate() - 1;
    const lastYear = this.#lastYear ??
      Math.min(LAST_YEAR, year + LONGEST_WAIT_YEARS);
    while (year <= lastYear) {
      const days = this.#daysIn(year, month) & fromDay;
      if (days !== 0) return firstOfMonth(year, month) + lowestBit(days);
      fromDay = -1;
      month = month % 12 + 1;
      if (month === 1) year++;
    }
    return undefined;
  }

  #daysIn(year: number, month: number): number {
    if (!this.#months.has(month)) return 0;
    if (this.#years?.has(year) === false) return 0;
    const index = year * 12 + month;
    if (index !== this.#lastMonth) {
      this.#lastMonth = index;
      this.#lastDays = this.#rule(shapeOf(year, month));
    }
    return this.#lastDays;
  }
}

function shapeOf(year: number, month: number): MonthShape {
  const first = firstOfMonth(year, month);
  return {
    length: firstOfMonth(year, month + 1) - first,
    firstWeekday: new Date(first * DAY_MS).getUTCDay(),
  };
}

/** The number of the first day of a month; January is 1. */
function firstOfMonth(year: number, month: number): number {
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month - 1, 1) / DAY_MS;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
