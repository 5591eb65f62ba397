import { CronExpressionError } from "../../src/api/errors.ts";
import { CalendarDays } from "./calendar_days.ts";
import { parseDaysOfMonth, parseDaysOfWeek } from "./days.ts";
import {
  CRON_FIELDS,
  type CronFieldSpec,
  type FailField,
  parseCronField,
  parseCronRanges,
} from "./field.ts";
import { parseGoDuration } from "./go_duration.ts";

/** Four times what it takes to list every value of all fields but the year. */
const MAX_LENGTH = 2_000;

const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** When a cron expression fires, on a wall clock. Each list is in order. */
export interface CronFields {
  /** Some of 0 to 59. */
  readonly seconds: readonly number[];
  /** Some of 0 to 59. */
  readonly minutes: readonly number[];
  /** Some of 0 to 23. */
  readonly hours: readonly number[];
  /** Whether the hour field is `*`, `*` with a step, or covers all 24 hours. */
  readonly hoursAreWild: boolean;
  /** What the day, month and year fields add up to. */
  readonly days: CalendarDays;
}

/** What a cron expression says. */
export interface ParsedCron {
  /** The zone that a `CRON_TZ=` or `TZ=` prefix names. */
  readonly timeZone: string | undefined;
  /** Either fields, or the interval of `@every` in milliseconds. */
  readonly schedule: { fields: CronFields } | { everyMs: number };
}

/**
 * Reads a cron expression. Does not check whether its zone exists.
 *
 * @throws {CronExpressionError} If it cannot be parsed, or its dates never come.
 */
export function parseCronExpression(expression: string): ParsedCron {
  if (expression.length > MAX_LENGTH) {
    const start = `${expression.slice(0, 40)}…`;
    throw new CronExpressionError(
      start,
      undefined,
      start,
      `expected at most ${MAX_LENGTH} characters, got ${expression.length}`,
    );
  }
  const prefix = /^(?:CRON_TZ|TZ)=(\S*)/.exec(expression.trim());
  const body = expression.trim().slice(prefix?.[0].length ?? 0).trim();
  return { timeZone: prefix?.[1], schedule: parseSchedule(expression, body) };
}

function parseSchedule(
  expression: string,
  body: string,
): ParsedCron["schedule"] {
  if (/^@every(\s|$)/i.test(body)) {
    const text = body.slice("@every".length).trim();
    const everyMs = parseGoDuration(text);
    if (typeof everyMs === "number") return { everyMs };
    throw new CronExpressionError(expression, "@every", text, everyMs.reason);
  }
  if (!body.startsWith("@")) return { fields: parseFields(expression, body) };
  const macro = MACROS[body.toLowerCase()];
  if (macro !== undefined) return { fields: parseFields(expression, macro) };
  throw new CronExpressionError(
    expression,
    "macro",
    body,
    `unknown, expected ${Object.keys(MACROS).join(", ")} or "@every 1h30m"`,
  );
}

function parseFields(expression: string, body: string): CronFields {
  const texts = body === "" ? [] : body.split(/\s+/);
  const count = texts.length;
  if (count < 5 || count > 7) {
    throw new CronExpressionError(
      expression,
      undefined,
      body,
      "expected 5 fields (minute first), 6 (second first) or 7 (year last), " +
        `got ${count}`,
    );
  }
  if (count === 5) texts.unshift("0");
  return readFields(expression, texts);
}

function readFields(
  expression: string,
  [second, minute, hour, dayOfMonth, month, dayOfWeek, year = "*"]: string[],
): CronFields {
  const failIn = (spec: CronFieldSpec): FailField => (value, reason) => {
    throw new CronExpressionError(expression, spec.name, value, reason);
  };
  const list = (spec: CronFieldSpec, text: string) =>
    parseCronField(spec, text, failIn(spec));
  const failDay = failIn(CRON_FIELDS.dayOfMonth);
  const failWeekday = failIn(CRON_FIELDS.dayOfWeek);
  const hours = list(CRON_FIELDS.hour, hour);
  const fields: CronFields = {
    seconds: list(CRON_FIELDS.second, second),
    minutes: list(CRON_FIELDS.minute, minute),
    hours,
    hoursAreWild: hours.length === 24 || /^\*\/[0-9]+$/.test(hour),
    days: new CalendarDays({
      daysOfMonth: parseDaysOfMonth(dayOfMonth, failDay),
      months: list(CRON_FIELDS.month, month),
      daysOfWeek: parseDaysOfWeek(dayOfWeek, failWeekday),
      years: year === "*"
        ? undefined
        : parseCronRanges(CRON_FIELDS.year, year, failIn(CRON_FIELDS.year)),
    }),
  };
  if (fields.days.onOrAfter(0) === undefined) {
    const when = year === "*" ? "" : ` of year "${year}"`;
    const reason = `never comes in month "${month}"${when}, ` +
      "expected a day that one of these months has";
    if (/^[*?]$/.test(dayOfMonth)) failWeekday(dayOfWeek, reason);
    failDay(dayOfMonth, reason);
  }
  return fields;
}
