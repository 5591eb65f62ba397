import { type CronRange, valuesOf } from "./range.ts";

/** What a field of a cron expression may hold. */
export interface CronFieldSpec {
  /** The name that errors use. */
  readonly name: string;
  /** The lowest value. */
  readonly min: number;
  /** The highest value. */
  readonly max: number;
  /** Three-letter names of the values, starting at `min`. */
  readonly names?: readonly string[];
  /** One more value, with the meaning of `min`: 7 for Sunday. */
  readonly alsoMin?: number;
}

type CronFieldKey =
  | "second"
  | "minute"
  | "hour"
  | "dayOfMonth"
  | "month"
  | "dayOfWeek"
  | "year";

/** Throws the error that a part of a field deserves. */
export type FailField = (value: string, reason: string) => never;

/** The fields that a cron expression can have, in order. */
export const CRON_FIELDS: Readonly<Record<CronFieldKey, CronFieldSpec>> = {
  second: { name: "second", min: 0, max: 59 },
  minute: { name: "minute", min: 0, max: 59 },
  hour: { name: "hour", min: 0, max: 23 },
  dayOfMonth: { name: "day-of-month", min: 1, max: 31 },
  month: {
    name: "month",
    min: 1,
    max: 12,
    names: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" "),
  },
  dayOfWeek: {
    name: "day-of-week",
    min: 0,
    max: 6,
    names: "SUN MON TUE WED THU FRI SAT".split(" "),
    alsoMin: 7,
  },
  year: { name: "year", min: 1970, max: 9999 },
};

/** Reads a field that is a plain list: its values in order, each one once. */
export function parseCronField(
  spec: CronFieldSpec,
  text: string,
  fail: FailField,
): number[] {
  const values = parseCronRanges(spec, text, fail).flatMap(valuesOf);
  return [...new Set(values)].sort((a, b) => a - b);
}

/** Reads a field that is a plain list of too many values to hold each of them. */
export function parseCronRanges(
  spec: CronFieldSpec,
  text: string,
  fail: FailField,
): CronRange[] {
  return [...new Set(splitList(text, fail))]
    .map((item) => parseCronItem(spec, item, fail));
}

/** The items of a list, none of them empty. */
export function splitList(text: string, fail: FailField): string[] {
  const items = text.split(",");
  if (items.includes("")) {
    fail(text, "empty item in the list, expected a value beside each comma");
  }
  return items;
}

/** Reads `*`, `5` or `5-9`, with or without a step. */
export function parseCronItem(
  spec: CronFieldSpec,
  item: string,
  fail: FailField,
): CronRange {
  const [range, stepText, ...more] = item.split("/");
  if (more.length > 0) fail(item, "more than one step, expected one");
  const step = stepText === undefined
    ? 1
    : parseStep(spec, item, stepText, fail);
  const [first, last] = parseRange(
    spec,
    item,
    range,
    stepText !== undefined,
    fail,
  );
  return { first, last, step };
}

/** Reads one value: a number or a name. */
export function parseCronValue(
  spec: CronFieldSpec,
  item: string,
  text: string,
  fail: FailField,
): number {
  const named = spec.names?.indexOf(text.toUpperCase()) ?? -1;
  if (named >= 0) return spec.min + named;
  if (!/^[0-9]+$/.test(text)) fail(item, whyNoValue(spec, item, text));
  const value = Number(text);
  const highest = spec.alsoMin ?? spec.max;
  if (value < spec.min || value > highest) {
    fail(item, `out of range, expected ${whatFits(spec)}${got(item, text)}`);
  }
  return value;
}

function parseRange(
  spec: CronFieldSpec,
  item: string,
  range: string,
  open: boolean,
  fail: FailField,
): [start: number, end: number] {
  if (range === "*") return [spec.min, spec.max];
  const [first, last, ...more] = range.split("-");
  const signed = first === "" && last !== undefined;
  if (signed || more.length > 0) fail(item, whyNoValue(spec, item, range));
  const start = parseCronValue(spec, item, first, fail);
  if (last === undefined) {
    if (!open) return [start, start];
    return [start === spec.alsoMin ? spec.min : start, spec.max];
  }
  let end = parseCronValue(spec, item, last, fail);
  if (end === spec.min && start > end) end = spec.alsoMin ?? end;
  if (start > end) {
    fail(item, "the range runs backwards, expected the lower value first");
  }
  return [start, end];
}

function parseStep(
  spec: CronFieldSpec,
  item: string,
  text: string,
  fail: FailField,
): number {
  const widest = spec.max - spec.min + 1;
  const step = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > widest) {
    fail(item, `expected a step from 1 to ${widest}, got "${text}"`);
  }
  return step;
}

function whyNoValue(spec: CronFieldSpec, item: string, text: string): string {
  const expected = `expected ${whatFits(spec)}`;
  if (text === "") return `a value is missing, ${expected}`;
  if (text.includes("?")) {
    return '"?" is allowed only as a whole day field, expected "*"';
  }
  if (text.includes("*")) {
    return `"*" is allowed only alone or before a step, ${expected}`;
  }
  if (/^[+-]/.test(text)) return `signs are not allowed, ${expected}`;
  const short = text.slice(0, 3).toUpperCase();
  return spec.names?.includes(short)
    ? `expected the three-letter name ${short}`
    : expected + got(item, text);
}

function whatFits({ min, max, alsoMin, names }: CronFieldSpec): string {
  const numbers = `an integer from ${min} to ${alsoMin ?? max}`;
  return names === undefined
    ? numbers
    : `${numbers} or a name from ${names[0]} to ${names.at(-1)}`;
}

/** Points at the part of an item that is at fault, unless it is the whole. */
function got(item: string, text: string): string {
  return item === text ? "" : `, got "${text}"`;
}
