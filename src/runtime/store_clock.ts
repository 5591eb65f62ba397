import type { Clock } from "../api/clock.ts";
import type { ClaimingStore } from "../api/job_store.ts";

/**
 * The store's clock as this process knows it: read from the store's answers and
 * carried on by the monotonic clock, so that neither a wrong wall clock nor one
 * that jumps does harm.
 */
export class StoreClock {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  #offset: number | undefined;
  #readAt = -Infinity;

  constructor(clock: Clock, maxAgeMs: number) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Takes note of an answer that has just come. */
  update(now: Date): void {
    this.#readAt = this.#clock.monotonic();
    this.#offset = now.getTime() - this.#readAt;
  }

  /** The store's clock; the machine's before the first answer. */
  now(): Date {
    return this.#offset === undefined
      ? new Date(this.#clock.now())
      : new Date(this.#clock.monotonic() + this.#offset);
  }

  /** The moment on the monotonic clock at which the store's shows `date`. */
  toMonotonic(date: Date): number {
    const clock = this.#clock;
    const offset = this.#offset ?? clock.now() - clock.monotonic();
    return date.getTime() - offset;
  }

  /** The store's clock; asks the store if the last answer is too old. */
  async read(store: Pick<ClaimingStore, "nextRun">): Promise<Date> {
    if (this.#clock.monotonic() - this.#readAt > this.#maxAgeMs) {
      this.update((await store.nextRun({ kinds: [] })).now);
    }
    return this.now();
  }
}
