import { type Clock, systemClock } from "../../src/api/clock.ts";

/** Every pause lasts so long, or all would spin while only some get through. */
const SHORTEST_PAUSE_MS = 50;

/**
 * What this process knows of its line to the server. Whoever meets a failure or
 * a success reports it; whoever pauses until the server is back is woken, and
 * whoever relies on the line is told to doubt it.
 */
export class Outage {
  readonly #clock: Clock;
  #back: AbortController | undefined;
  readonly #doubters = new Set<() => void>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** To be called when the line broke, or stayed silent. */
  reportFailure(): void {
    this.#back ??= new AbortController();
    for (const doubt of this.#doubters) doubt();
  }

  /** To be called when the server answered. */
  reportSuccess(): void {
    this.#back?.abort();
    this.#back = undefined;
  }

  /**
   * Resolves after `ms` milliseconds; sooner when the server is known to be
   * back, or the signal aborts.
   */
  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    const back = this.#back?.signal;
    await this.#clock.sleep(Math.min(ms, SHORTEST_PAUSE_MS), signal);
    if (back === undefined || ms <= SHORTEST_PAUSE_MS) return;
    const over = signal === undefined ? back : AbortSignal.any([back, signal]);
    await this.#clock.sleep(ms - SHORTEST_PAUSE_MS, over);
  }

  /** Calls `doubt` at each failure. @returns Ends that. */
  onFailure(doubt: () => void): () => void {
    this.#doubters.add(doubt);
    return () => void this.#doubters.delete(doubt);
  }
}
