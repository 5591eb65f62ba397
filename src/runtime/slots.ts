/** How many jobs may run at once in this process, and how many do. */
export class Slots {
  /** How many there are in all. */
  readonly total: number;
  readonly #onFree: () => void;
  #taken = 0;
  #onIdle: (() => void)[] = [];

  /** @param onFree Called whenever a job has ended. */
  constructor(total: number, onFree: () => void) {
    this.total = total;
    this.#onFree = onFree;
  }

  /** How many more jobs may begin. */
  get free(): number {
    return this.total - this.#taken;
  }

  /** A job begins. */
  take(): void {
    this.#taken++;
  }

  /** A job has ended. */
  giveBack(): void {
    this.#taken--;
    this.#onFree();
    if (this.#taken === 0) {
      for (const idle of this.#onIdle.splice(0)) {
        idle();
      }
    }
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    if (this.#taken === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
