/**
 * Computes when a failed run is tried again. Pure, apart from the defaults.
 *
 * @example Retry once, a minute after the failure
 * ```ts
 * import type { Backoff } from "@x/scheduler";
 *
 * const once: Backoff = {
 *   nextRetryTime: (prev, retry, now = prev) =>
 *     retry === 1 ? new Date(now.getTime() + 60_000) : undefined,
 * };
 * ```
 */
export interface Backoff {
  /**
   * The time of the next try; `undefined`: give up.
   *
   * @param prev When the run that failed was due.
   * @param retry How many runs in a row have failed, counted from 1.
   * @param now The moment of the failure, by the store's clock. The scheduler
   *   always passes it.
   */
  nextRetryTime(prev: Date, retry: number, now?: Date): Date | undefined;
}
