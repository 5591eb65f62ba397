import { type Clock, systemClock } from "../api/clock.ts";
import { MAX_TIMER_MS } from "../core/durations.ts";

/** Options of {@linkcode within}. */
export interface WithinOptions {
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Measures the time.
   *
   * @default systemClock
   */
  readonly clock?: Clock | undefined;
}

/**
 * Waits for `promise`, for at most `ms` milliseconds; rejects with what `late`
 * makes if that time passes, or the signal aborts, before it settles. Leaves no
 * timer and no listener behind.
 */
export function within<T>(
  promise: Promise<T>,
  ms: number,
  late: () => Error,
  { signal, clock = systemClock }: WithinOptions = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      end();
      reject(late());
    };
    const stopTimer = startTimer(clock, ms, giveUp);
    const end = () => {
      stopTimer();
      signal?.removeEventListener("abort", giveUp);
    };
    promise.then((value) => {
      end();
      resolve(value);
    }, (error) => {
      end();
      reject(error);
    });
    if (signal?.aborted) giveUp();
    else signal?.addEventListener("abort", giveUp);
  });
}

/** Calls `ring` after `ms` milliseconds, unless what it returns is called. */
function startTimer(clock: Clock, ms: number, ring: () => void): () => void {
  // Each statement of a store has its time limit: the common case is lean.
  if (clock === systemClock && ms <= MAX_TIMER_MS) {
    const timer = setTimeout(ring, ms);
    return () => clearTimeout(timer);
  }
  const over = new AbortController();
  void clock.sleep(ms, over.signal).then(() => {
    if (!over.signal.aborted) ring();
  });
  return () => over.abort();
}
