import type { Clock } from "../api/clock.ts";
import { DAY_MS } from "../core/durations.ts";

/**
 * Rings at the soonest of the moments that it was set to. Moments are on the
 * monotonic clock, in milliseconds.
 */
export class Alarm {
  readonly #clock: Clock;
  #at = Infinity;
  #sleep: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rings at `at`, unless it is set to ring sooner. */
  setAt(at: number): void {
    if (at >= this.#at) return;
    this.#at = at;
    this.#sleep?.abort();
  }

  /** Rings at once. */
  setNow(): void {
    this.setAt(-Infinity);
  }

  /** Resolves when it rings; it is then not set any more. */
  async ring(): Promise<void> {
    for (
      let left = this.#at - this.#clock.monotonic();
      left > 0;
      left = this.#at - this.#clock.monotonic()
    ) {
      this.#sleep = new AbortController();
      // Bare timers cannot wait for ever; looking once a day costs nothing.
      await this.#clock.sleep(Math.min(left, DAY_MS), this.#sleep.signal);
      this.#sleep = undefined;
    }
    this.#at = Infinity;
  }
}
