/** The last instant that a `Date` can hold, as far from 1970 as the first. */
export const LAST_INSTANT_MS = 8.64e15;

/**
 * The milliseconds of a date that a trigger was given.
 *
 * @throws {RangeError} If the date is invalid.
 */
export function timeOf(date: Date): number {
  const time = date.getTime();
  if (Number.isNaN(time)) {
    throw new RangeError(
      `Cannot compute a fire time from "${date}": no instant; a valid Date is right`,
    );
  }
  return time;
}

/** The date of an instant; `undefined` if there is none or no `Date` holds it. */
export function dateOf(time: number | undefined): Date | undefined {
  return time === undefined || time > LAST_INSTANT_MS
    ? undefined
    : new Date(time);
}
