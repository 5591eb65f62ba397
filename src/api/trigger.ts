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
   * Only triggers whose fire times hang on `prev`, such as a fixed interval,
   * need it.
   *
   * @default nextFireTime(after)
   */
  nextFireTimeAfter?(prev: Date, after: Date): Date | undefined;

  /**
   * The stored form, for triggers that can be given to `scheduleJob`: what
   * `restoreTrigger` reads back. Others can only be given to `registerJob`.
   */
  toJSON?(): unknown;
}
