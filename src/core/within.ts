import { type Clock, systemClock } from "../api/clock.ts";

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
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  late: () => Error,
  { signal, clock = systemClock }: WithinOptions = {},
): Promise<T> {
  const over = new AbortController();
  const giveUp = () => over.abort();
  if (signal?.aborted) giveUp();
  else signal?.addEventListener("abort", giveUp);
  let isSettled = false;
  const timeout = clock.sleep(ms, over.signal).then(() => {
    if (isSettled) return promise;
    throw late();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    isSettled = true;
    over.abort();
    signal?.removeEventListener("abort", giveUp);
  }
}
