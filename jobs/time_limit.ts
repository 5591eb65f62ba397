/** A signal that aborts when the time is up, or when one of others does. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** Starts; `ms` may be Infinity. Call `end`, or a timer stays behind. */
  constructor(ms: number, signals: readonly AbortSignal[]) {
    this.#signals = signals;
    this.#timer = ms === Infinity ? undefined : setTimeout(() => {
      this.#isOver = !this.signal.aborted;
      this.#controller.abort();
    }, ms);
    for (const signal of signals) {
      signal.addEventListener("abort", this.#abort);
      if (signal.aborted) this.#abort();
    }
  }

  /** Aborts when the time is up, or when one of the others does. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time was up before any of the others aborted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Leaves no timer and no listener behind. */
  end(): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) {
      signal.removeEventListener("abort", this.#abort);
    }
  }

  readonly #abort = () => {
    const aborted = this.#signals.find((signal) => signal.aborted);
    this.#controller.abort(aborted?.reason);
  };
}
