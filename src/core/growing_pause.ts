/** The first and the longest pause, in milliseconds. */
export interface PauseRange {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** The pauses between attempts that fail: each is twice as long as the last. */
export class GrowingPause {
  readonly #range: PauseRange;
  #nextMs: number;

  constructor(range: PauseRange) {
    this.#range = range;
    this.#nextMs = range.firstMs;
  }

  /** Whether an attempt has failed since the last success. */
  get hasGrown(): boolean {
    return this.#nextMs > this.#range.firstMs;
  }

  /** The length of the next pause, in milliseconds. */
  next(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(pauseMs * 2, this.#range.longestMs);
    return pauseMs;
  }

  /** To be called after a success. */
  reset(): void {
    this.#nextMs = this.#range.firstMs;
  }
}
