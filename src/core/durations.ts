/** An hour, in milliseconds. */
export const HOUR_MS: number = 3_600_000;

/** A day, in milliseconds. */
export const DAY_MS: number = 24 * HOUR_MS;

/** A hundred years, in milliseconds: nothing waits longer, but for ever. */
export const CENTURY_MS: number = 36_525 * DAY_MS;

/** Timers take no more; longer ones ring at once. About 24 days. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;
