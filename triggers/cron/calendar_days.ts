import { DAY_MS } from "../../src/core/durations.ts";
import { anyOf, type DayRule, everyDay } from "./days.ts";
import { type CronRange, lowestFrom } from "./range.ts";

/**
 * The longest wait for a day, in years: a 29 February falls on a given weekday
 * every 28 years, and after 40 around most turns of a century.
 */
const LONGEST_WAIT_YEARS = 40;

/** The first and the last year that a `Date` can hold in full. */
const FIRST_YEAR = -271_820;
const LAST_YEAR = 275_759;

/** January to December, in a common year. */
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The weekday of 1970-01-01. */
const THURSDAY = 4;

/** The fields of a cron expression that say on which days it fires. */
export interface DayFields {
  /** January is 1. */
  readonly months: readonly number[];
  /** `undefined`: not restricted. */
  readonly years: readonly CronRange[] | undefined;
  /** `undefined`: not restricted. */
  readonly daysOfMonth: DayRule | undefined;
  /** `undefined`: not restricted. */
  readonly daysOfWeek: DayRule | undefined;
}

/** The days on which a cron expression fires, counted from 1970-01-01. */
export class CalendarDays {
  readonly #months: ReadonlySet<number>;
  readonly #years: readonly CronRange[] | undefined;
  readonly #rule: DayRule;
  /** The days of each month, by leap year and weekday of 1 January. */
  readonly #kindsOfYear: (readonly number[])[] = [];

  constructor({ months, years, daysOfMonth, daysOfWeek }: DayFields) {
    this.#months = new Set(months);
    this.#years = years;
    this.#rule = daysOfMonth !== undefined && daysOfWeek !== undefined
      ? anyOf([daysOfMonth, daysOfWeek])
      : daysOfMonth ?? daysOfWeek ?? everyDay;
  }

  /** The first such day that is `day` or later; `undefined`: there is none. */
  onOrAfter(day: number): number | undefined {
    const date = new Date(Math.max(day, firstOfYear(FIRST_YEAR)) * DAY_MS);
    const thisYear = date.getUTCFullYear();
    const lastYear = this.#years === undefined
      ? Math.min(thisYear + LONGEST_WAIT_YEARS, LAST_YEAR)
      : LAST_YEAR;
    let year = this.#yearFrom(thisYear);
    while (year !== undefined && year <= lastYear) {
      const found = year === thisYear
        ? this.#firstIn(year, date.getUTCMonth(), date.getUTCDate())
        : this.#firstIn(year, 0, 1);
      if (found !== undefined) return found;
      year = this.#yearFrom(year + 1);
    }
    return undefined;
  }

  /** The first such day of a year from a month (January is 0) and date on. */
  #firstIn(year: number, month: number, date: number): number | undefined {
    const months = this.#daysIn(year);
    let days = months[month] & -1 << date - 1;
    while (days === 0 && ++month < months.length) days = months[month];
    return days !== 0 ? firstOfMonth(year, month) + lowestBit(days) : undefined;
  }

  #yearFrom(year: number): number | undefined {
    return this.#years === undefined ? year : lowestFrom(this.#years, year);
  }

  /** The days of each month of a year; empty if it has none. */
  #daysIn(year: number): readonly number[] {
    const leap = isLeap(year);
    const weekday = weekdayOf(firstOfYear(year));
    const kind = leap ? weekday + 7 : weekday;
    return this.#kindsOfYear[kind] ??= this.#daysInKind(leap, weekday);
  }

  #daysInKind(leap: boolean, firstWeekday: number): readonly number[] {
    let weekday = firstWeekday;
    const days = MONTH_LENGTHS.map((common, month) => {
      const length = leap && month === 1 ? common + 1 : common;
      const shape = { length, firstWeekday: weekday };
      weekday = (weekday + length) % 7;
      return this.#months.has(month + 1) ? this.#rule(shape) : 0;
    });
    return days.some((ofMonth) => ofMonth !== 0) ? days : [];
  }
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** The number of the first day of a year. */
function firstOfYear(year: number): number {
  return (year - 1970) * 365 + Math.floor((year - 1969) / 4) -
    Math.floor((year - 1901) / 100) + Math.floor((year - 1601) / 400);
}

/** The number of the first day of a month; January is 0. */
function firstOfMonth(year: number, month: number): number {
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month, 1) / DAY_MS;
}

function weekdayOf(day: number): number {
  return ((day + THURSDAY) % 7 + 7) % 7;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
