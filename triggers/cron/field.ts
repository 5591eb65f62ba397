/** What a field of a cron expression may hold. */
export interface CronFieldSpec {
  /** How errors call it. */
  readonly name: string;
  /** The lowest value. */
  readonly min: number;
  /** The highest value. */
  readonly max: number;
  /** Three-letter names of the values from `min` on. */
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

/** Ends the parsing of a field because of a part of it. */
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
  year: { name: "year", min: 1970, max: 2099 },
};

/** Reads a field that is a plain list: its values in order, each one once. */
export function parseCronField(
  spec: CronFieldSpec,
  text: string,
  fail: FailField,
): number[] {
  const values = splitList(text, fail)
    .flatMap((item) => parseCronItem(spec, item, fail));
  return [...new Set(values)].sort((a, b) => a - b);
}

/** The items of a list, none of them empty. */
export function splitList(text: string, fail: FailField): string[] {
  const items = text.split(",");
  if (items.includes("")) {
    fail(
      text,
      "an item of the list is empty; a value beside each comma is right",
    );
  }
  return items;
}

/** Reads `*`, `5` or `5-9`, each with a step or without, into its values. */
export function parseCronItem(
  spec: CronFieldSpec,
  item: string,
  fail: FailField,
): number[] {
  const [range, stepText, ...more] = item.split("/");
  if (more.length > 0) fail(item, "more than one step; one is right");
  const step = stepText === undefined
    ? 1
    : parseStep(spec, item, stepText, fail);
  const [start, end] = parseRange(
    spec,
    item,
    range,
    stepText !== undefined,
    fail,
  );
  const values: number[] = [];
  for (let value = start; value <= end; value += step) values.push(value);
  return values;
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
  if (!/^[0-9]+$/.test(text)) fail(item, whyNoValue(spec, text));
  const value = Number(text);
  const highest = spec.alsoMin ?? spec.max;
  if (value < spec.min || value > highest) {
    fail(item, `out of range; ${spec.min} to ${highest} is right`);
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
  if (signed || more.length > 0) fail(item, whyNoValue(spec, range));
  const start = parseCronValue(spec, item, first, fail);
  if (last === undefined) {
    if (!open) return [start, start];
    return [start === spec.alsoMin ? spec.min : start, spec.max];
  }
  let end = parseCronValue(spec, item, last, fail);
  if (end === spec.min && start > end) end = spec.alsoMin ?? end;
  if (start > end) {
    fail(item, "the range runs backwards; the lower value comes first");
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
    fail(item, `the step "${text}" does not fit; 1 to ${widest} is right`);
  }
  return step;
}

function whyNoValue(spec: CronFieldSpec, text: string): string {
  const right = `${spec.min} to ${spec.alsoMin ?? spec.max}` +
    (spec.names === undefined
      ? ""
      : ` or ${spec.names[0]} to ${spec.names.at(-1)}`) +
    " is right";
  if (text === "") return `a value is missing; ${right}`;
  if (text.includes("?")) {
    return '"?" stands alone in a day field only; "*" is right elsewhere';
  }
  if (text.includes("*")) return `"*" stands alone or before a step; ${right}`;
  if (/^[+-]/.test(text)) return `signs are not taken; ${right}`;
  const short = text.slice(0, 3).toUpperCase();
  return spec.names?.includes(short)
    ? `names have three letters; ${short} is right`
    : `not a value; ${right}`;
}
