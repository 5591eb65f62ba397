import {
  CRON_FIELDS,
  type FailField,
  parseCronItem,
  parseCronValue,
  splitList,
} from "./field.ts";
import { valuesOf } from "./range.ts";

const SATURDAY = 6;
const SUNDAY = 0;

/** From the last day of a long month back to its first. */
const MAX_DAYS_BEFORE_LAST = 30;

/** What a rule needs to know about a month. */
export interface MonthShape {
  /** How many days it has. */
  readonly length: number;
  /** The weekday of its first day; 0 is Sunday. */
  readonly firstWeekday: number;
}

/** Picks days of a month; in its answer, bit `n` stands for day `n + 1`. */
export type DayRule = (month: MonthShape) => number;

/** Reads the day-of-month field; `undefined`: not restricted. */
export function parseDaysOfMonth(
  text: string,
  fail: FailField,
): DayRule | undefined {
  return parseDays(text, (item) => dayOfMonthRule(item, fail), fail);
}

/** Reads the day-of-week field; `undefined`: not restricted. */
export function parseDaysOfWeek(
  text: string,
  fail: FailField,
): DayRule | undefined {
  return parseDays(text, (item) => dayOfWeekRule(item, fail), fail);
}

function parseDays(
  text: string,
  parseItem: (item: string) => DayRule,
  fail: FailField,
): DayRule | undefined {
  if (text === "*" || text === "?") return undefined;
  return anyOf(splitList(text, fail).map(parseItem));
}

/** Picks each day that at least one of the rules picks. */
export function anyOf(rules: readonly DayRule[]): DayRule {
  if (rules.length === 1) return rules[0];
  return (month) => rules.reduce((days, rule) => days | rule(month), 0);
}

/** Every day of a month. */
export const everyDay: DayRule = ({ length }) => 2 ** length - 1;

function dayOfMonthRule(item: string, fail: FailField): DayRule {
  const spec = CRON_FIELDS.dayOfMonth;
  const upper = item.toUpperCase();
  if (upper === "L") return daysBeforeLast(0);
  if (upper === "LW") return (month) => nearestWeekday(month, month.length);
  if (upper.startsWith("L-")) {
    const days = /^[0-9]+$/.test(item.slice(2)) ? Number(item.slice(2)) : 0;
    if (days < 1 || days > MAX_DAYS_BEFORE_LAST) {
      fail(item, `out of range, expected L-1 to L-${MAX_DAYS_BEFORE_LAST}`);
    }
    return daysBeforeLast(days);
  }
  if (upper.endsWith("W")) {
    const text = item.slice(0, -1);
    if (/[-/*]/.test(text)) {
      fail(item, 'expected a single day before "W", such as 15W');
    }
    const day = parseCronValue(spec, item, text, fail);
    return (month) => nearestWeekday(month, day);
  }
  const days = valuesOf(parseCronItem(spec, item, fail))
    .reduce((days, day) => days | bit(day), 0);
  return (month) => days & everyDay(month);
}

function dayOfWeekRule(item: string, fail: FailField): DayRule {
  const spec = CRON_FIELDS.dayOfWeek;
  const upper = item.toUpperCase();
  if (upper === "L") {
    fail(item, 'expected a weekday before "L", such as FRIL or 5L');
  }
  if (upper.endsWith("L")) {
    const weekday = parseCronValue(spec, item, item.slice(0, -1), fail);
    return (month) => lastBit(weekdays(month, weekday));
  }
  if (item.includes("#")) {
    const [text, nth, ...more] = item.split("#");
    const weekday = parseCronValue(spec, item, text, fail);
    if (!/^[1-5]$/.test(nth) || more.length > 0) {
      fail(item, 'expected a count from 1 to 5 after "#", MON#1 to MON#5');
    }
    const week = 0b1111111 << (Number(nth) - 1) * 7;
    return (month) => weekdays(month, weekday) & week;
  }
  return anyOf(
    valuesOf(parseCronItem(spec, item, fail))
      .map((weekday) => (month: MonthShape) => weekdays(month, weekday)),
  );
}

/** Counts back from the last day, in months that are long enough. */
function daysBeforeLast(days: number): DayRule {
  return ({ length }) => length > days ? bit(length - days) : 0;
}

/** The Monday to Friday of the same month that is nearest to a day. */
function nearestWeekday(month: MonthShape, day: number): number {
  if (day > month.length) return 0;
  switch ((month.firstWeekday + day - 1) % 7) {
    case SATURDAY:
      return bit(day === 1 ? 3 : day - 1);
    case SUNDAY:
      return bit(day === month.length ? day - 2 : day + 1);
    default:
      return bit(day);
  }
}

/** The days of a month that fall on a weekday; 0 and 7 are Sunday. */
function weekdays(month: MonthShape, weekday: number): number {
  const first = 1 + (weekday - month.firstWeekday + 7) % 7;
  let days = 0;
  for (let day = first; day <= month.length; day += 7) days |= bit(day);
  return days;
}

function lastBit(days: number): number {
  return 1 << 31 - Math.clz32(days);
}

function bit(day: number): number {
  return 1 << day - 1;
}
