import { SchedulerError } from "../src/api/errors.ts";
import type { Trigger } from "../src/api/trigger.ts";
import { CronTrigger } from "./cron_trigger.ts";
import { SimpleTrigger } from "./simple_trigger.ts";

/**
 * Reads a trigger back from its stored form: the JSON of a `CronTrigger` or a
 * `SimpleTrigger`.
 *
 * @throws {SchedulerError} If `stored` is anything else; the message says what is
 * wrong.
 *
 * @example There and back
 * ```ts
 * import { CronTrigger, restoreTrigger } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const trigger = new CronTrigger("0 9 * * MON", { timeZone: "Asia/Tokyo" });
 * const restored = restoreTrigger(JSON.stringify(trigger));
 * const monday = new Date("2026-01-05T00:00:00Z"); // 09:00 in Tokyo
 * assertEquals(restored.nextFireTime(new Date("2026-01-01")), monday);
 * ```
 */
export function restoreTrigger(stored: string): Trigger {
  try {
    return fromJson(JSON.parse(stored));
  } catch (cause) {
    throw new SchedulerError(
      `Cannot restore the trigger "${stored}": ${(cause as Error).message}`,
      { cause },
    );
  }
}

/**
 * Writes a trigger in the form that a store keeps.
 *
 * @throws {TypeError} If `restoreTrigger` could not read it back: only
 * `CronTrigger` and `SimpleTrigger` can be stored.
 */
export function storeTrigger(trigger: Trigger): string {
  const stored = JSON.stringify(trigger.toJSON?.());
  try {
    restoreTrigger(stored);
  } catch (cause) {
    throw new TypeError(
      `Cannot store the trigger "${trigger.constructor?.name}": only CronTrigger ` +
        "and SimpleTrigger can be stored; register it with registerJob instead",
      { cause },
    );
  }
  return stored;
}

function fromJson(json: unknown): Trigger {
  const { type, ...fields } = Object(json);
  switch (type) {
    case "cron":
      return new CronTrigger(fields.expression, { timeZone: fields.timeZone });
    case "simple":
      return new SimpleTrigger(fields.intervalMs);
    default:
      throw new TypeError(
        `its type is ${JSON.stringify(type)}; "cron" or "simple" is right`,
      );
  }
}
