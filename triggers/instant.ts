import { printable } from "../src/core/text.ts";

/** The last instant that a `Date` can hold; the first is as far from 1970. */
export const LAST_INSTANT_MS = 8.64e15;

/**
 * The milliseconds of a date that a trigger was given.
 *
 * @throws {RangeError} If the date is invalid.
 */
export function timeOf(date: Date): number {
  const time = date instanceof Date ? date.getTime() : NaN;
  if (Number.isNaN(time)) {
    throw new RangeError(
      `Cannot compute a fire time from ${
        printable(date)
      }: expected a valid Date`,
    );
  }
  return time;
}

/** The date of an instant; `undefined` if a `Date` cannot hold it. */
export function dateOf(time: number | undefined): Date | undefined {
  return time === undefined || time > LAST_INSTANT_MS
    ? undefined
    : new Date(time);
}
