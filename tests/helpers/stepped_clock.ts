import { setImmediate } from "node:timers";
import type { Clock } from "../../src/api/clock.ts";
import { printable } from "../../src/core/text.ts";

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until a test steps it. Sleepers wake in the order
 * of their times, and what each sets off is over before the next wakes.
 *
 * @example A job a day, in no time
 * ```ts
 * import { SimpleTrigger, StdScheduler } from "@x/scheduler";
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 * import { SteppedClock } from "@x/scheduler/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new SteppedClock();
 * await using scheduler = new StdScheduler(new MemoryStore({ clock }), { clock });
 * let runs = 0;
 * scheduler.registerJob({ kind: "daily", execute: () => void runs++ });
 * await scheduler.scheduleJob("backup", "daily", {
 *   trigger: new SimpleTrigger(86_400_000),
 * });
 * await scheduler.start();
 * await clock.step(7 * 86_400_000);
 * assertEquals(runs, 7);
 * ```
 */
export class SteppedClock implements Clock {
  #elapsed = 0;
  #wall: number;
  readonly #sleepers = new Set<Sleeper>();

  /**
   * Makes a clock that stands still.
   *
   * @param start What the clock shows at first.
   * @throws {TypeError} If `start` is not a valid date.
   */
  constructor(start: Date = new Date("2026-01-01T00:00:00Z")) {
    if (!(start instanceof Date) || Number.isNaN(start.getTime())) {
      throw new TypeError(
        `Cannot make a SteppedClock at ${printable(start)}: expected a valid ` +
          "Date",
      );
    }
    this.#wall = start.getTime();
  }

  /** The wall clock, in milliseconds since 1970-01-01T00:00:00Z. */
  now(): number {
    return this.#wall;
  }

  /** Milliseconds since the clock was made. */
  monotonic(): number {
    return this.#elapsed;
  }

  /** Resolves when the clock was stepped `ms` milliseconds on. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    if (!(ms > 0)) return turn();
    return new Promise((resolve) => {
      const sleeper = {
        wakeAt: this.#elapsed + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake);
    });
  }

  /** How many sleepers wait: 0 when all that used the clock has ended. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  /**
   * Lets `ms` milliseconds pass, and lets all that they set off happen.
   *
   * @throws {RangeError} If `ms` is not a number, 0 or more.
   */
  async step(ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) {
      throw new RangeError(
        `Cannot step the clock by ${printable(ms)}: expected a number of ` +
          "milliseconds, 0 or more",
      );
    }
    const end = this.#elapsed + ms;
    await this.settle();
    for (
      let next = this.#nextSleeper();
      next !== undefined && next.wakeAt <= end;
      next = this.#nextSleeper()
    ) {
      this.#advanceTo(next.wakeAt);
      next.wake();
      await this.settle();
    }
    this.#advanceTo(end);
    await this.settle();
  }

  /**
   * Sets the wall clock `ms` milliseconds forward, or back: no time passes.
   *
   * @throws {RangeError} If `ms` is not a number.
   */
  jump(ms: number): void {
    if (!Number.isFinite(ms)) {
      throw new RangeError(
        `Cannot set the clock by ${printable(ms)}: expected a number of ` +
          "milliseconds",
      );
    }
    this.#wall += ms;
  }

  /** Lets all happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 3; turns++) await turn();
  }

  /** Always in the middle. */
  random(): number {
    return 0.5;
  }

  #nextSleeper(): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (next === undefined || sleeper.wakeAt < next.wakeAt) next = sleeper;
    }
    return next;
  }

  #advanceTo(elapsed: number): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}

/** Lets all other work that is ready go first. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
