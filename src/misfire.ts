import type { Trigger } from "./trigger.ts";

/**
 * What happens to fire times that nobody could run in time.
 *
 * - `"fireOnce"`: the late task runs once, then carries on in the future.
 * - `"skip"`: fire times that are later than `misfireThresholdMs` are passed
 *   over. Does not apply to one-offs and to retries.
 * - `"catchUp"`: each missed fire time runs, one after the other.
 */
export type Misfire = "fireOnce" | "skip" | "catchUp";

/** How a kind treats late tasks. */
export interface MisfirePolicy {
  /** What happens to missed fire times. */
  readonly misfire: Misfire;
  /** From when on `"skip"` calls a fire time missed, in milliseconds. */
  readonly misfireThresholdMs: number;
}

/**
 * The fire time that follows `prev`. Skips in one step, however many fire times
 * lie between.
 *
 * @throws {RangeError} If the trigger answers an invalid date, or goes back.
 */
export function nextFireTime(
  trigger: Trigger,
  prev: Date,
  now: Date,
  policy: MisfirePolicy,
): Date | undefined {
  const after = new Date(Math.max(prev.getTime(), passedOver(now, policy)));
  const next = after > prev && trigger.nextFireTimeAfter !== undefined
    ? trigger.nextFireTimeAfter(prev, after)
    : trigger.nextFireTime(after);
  if (next === undefined) return undefined;
  if (!(next > after)) {
    throw new RangeError(
      `Trigger answered ${printDate(next)} as the fire time after ` +
        `${printDate(after)}; it must be later`,
    );
  }
  return next;
}

/** The instant up to which missed fire times do not run. */
function passedOver(now: Date, policy: MisfirePolicy): number {
  switch (policy.misfire) {
    case "fireOnce":
      return now.getTime();
    case "skip":
      return now.getTime() - policy.misfireThresholdMs;
    case "catchUp":
      return -Infinity;
  }
}

function printDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? "an invalid date" : date.toISOString();
}
