/**
 * Computes when a task fires. Pure: the answer depends on the arguments alone.
 *
 * @example A trigger that fires on the hour, until 2030
 * ```ts
 * import type { Trigger } from "@x/scheduler";
 *
 * const hourly: Trigger = {
 *   nextFireTime(prev) {
 *     const next = new Date((Math.floor(prev.getTime() / 3_600_000) + 1) * 3_600_000);
 *     return next.getUTCFullYear() < 2030 ? next : undefined;
 *   },
 * };
 * ```
 */
export interface Trigger {
  /** The first fire time strictly after `prev`; `undefined`: finished. */
  nextFireTime(prev: Date): Date | undefined;

  /**
   * The first fire time strictly after `after`, in the series that goes through
   * `prev`. Says how to skip missed fire times without walking them one by one.
   * Only triggers whose fire times depend on `prev`, such as a fixed
   * interval, need it.
   *
   * @default nextFireTime(after)
   */
  nextFireTimeAfter?(prev: Date, after: Date): Date | undefined;

  /**
   * The stored form, for triggers that can be given to `scheduleJob`: an object
   * whose `type` is that of the class (see {@linkcode TriggerClass}). Other
   * triggers can only be given to `registerJob`.
   */
  toJSON?(): unknown;
}

/**
 * A class whose triggers a store can keep. Hand it to the scheduler with the
 * option `triggers`, in every process that schedules or runs such tasks.
 *
 * @example Every full moon, more or less
 * ```ts
 * import type { Trigger, TriggerClass } from "@x/scheduler";
 *
 * class MoonTrigger implements Trigger {
 *   static readonly type = "moon";
 *   static fromJSON(): MoonTrigger {
 *     return new MoonTrigger();
 *   }
 *   nextFireTime(prev: Date): Date {
 *     const month = 29.530588 * 86_400_000;
 *     const first = Date.UTC(2026, 0, 3, 10, 3);
 *     const moons = Math.floor((prev.getTime() - first) / month) + 1;
 *     return new Date(Math.ceil(first + moons * month));
 *   }
 *   toJSON(): { type: string } {
 *     return { type: MoonTrigger.type };
 *   }
 * }
 *
 * const storable: TriggerClass = MoonTrigger;
 * ```
 */
export interface TriggerClass {
  /** Names the class in the stored form. A subclass needs one of its own. */
  readonly type: string;
  /**
   * Makes a trigger from what its `toJSON` returned. Throws if that is not a
   * stored form.
   */
  // deno-lint-ignore no-explicit-any
  fromJSON(json: any): Trigger;
}

/** Reads and writes triggers: what the scheduler is given to know them. */
export interface TriggerCodec {
  /** Makes a trigger from an expression, such as `"0 9 * * MON"`. */
  parse(expression: string, timeZone: string | undefined): Trigger;
  /** The stored form of a trigger. Throws if it could not be read back. */
  encode(trigger: Trigger): string;
  /** The trigger of a stored form. Throws if it is none. */
  decode(stored: string): Trigger;
}
