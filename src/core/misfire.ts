import type { Trigger } from "../api/trigger.ts";
import { printable } from "./text.ts";
import { isStorable } from "./validate.ts";

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
 * @throws {RangeError} If the trigger answers no date that a store can keep, or
 *   goes back.
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
  if (!isStorable(next) || next <= after) {
    throw new RangeError(
      `Trigger answered ${printable(next)} as the fire time after ` +
        `${printable(after)}; it must be a later Date, before the year 10000`,
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
