import type { Clock } from "../api/clock.ts";

/** How long other work may have to wait for a turn of the event loop. */
const MAX_BUSY_MS = 20;

/** Gives timers and sockets a turn even if jobs and store never wait. */
export class Turns {
  readonly #clock: Clock;
  #busySince: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#busySince = clock.monotonic();
  }

  /** Whether others have waited for long enough. */
  get areDue(): boolean {
    return this.#clock.monotonic() - this.#busySince > MAX_BUSY_MS;
  }

  /** Lets others go first. */
  async give(): Promise<void> {
    await this.#clock.sleep(0);
    this.#busySince = this.#clock.monotonic();
  }
}
