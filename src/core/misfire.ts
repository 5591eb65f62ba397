import type { Misfire } from "../api/scheduler.ts";
import type { Trigger } from "../api/trigger.ts";
import { printable } from "./text.ts";
import { isStorable } from "./validate.ts";

/** How a kind treats late tasks. */
export interface MisfirePolicy {
  /** What happens to missed fire times. */
  readonly misfire: Misfire;
  /** By how much a fire time is missed for `"skip"`, in milliseconds. */
  readonly misfireThresholdMs: number;
}

/**
 * The fire time that follows `prev`. Skips in one step, however many fire times
 * lie between.
 *
 * @throws {RangeError} If the trigger returns no date that a store can keep, or
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
    ? trigger.nextFireTimeAfter(new Date(prev), new Date(after))
    : trigger.nextFireTime(new Date(after));
  if (next === undefined) return undefined;
  if (!isStorable(next) || next <= after) {
    throw new RangeError(
      `Cannot use ${printable(next)} as the fire time after ` +
        `${printable(after)}: expected a later Date, before the year 10000`,
    );
  }
  return new Date(next);
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
