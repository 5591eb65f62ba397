/**
 * Where time and randomness come from. Tests pass a clock that they step (`SteppedClock` in
 * `@x/scheduler/testing`).
 */
export interface Clock {
  /** The wall clock, in milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Milliseconds since some fixed moment; never jumps, unlike `now`. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds, or at once when `signal` aborts; never
   * rejects. Any finite `ms` is fine, also more than a timer can take; with 0 it
   * lets other work go first.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A random number from 0 up to, but not including, 1. */
  random(): number;
}

/** Timers take no more than 2³¹ − 1 ms; longer ones fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  async sleep(ms, signal) {
    const end = performance.now() + ms;
    let left = ms;
    while (!signal?.aborted) {
      await timer(Math.min(Math.ceil(left), MAX_TIMER_MS), signal);
      left = end - performance.now();
      if (!(left > 0)) return;
    }
  },
};

function timer(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(id);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const id = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
