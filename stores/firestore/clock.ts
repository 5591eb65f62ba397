import type { FirestoreTimestamp } from "./client.ts";

/** An estimate that is older counts as stale, for monotonic clocks drift. */
const MAX_AGE_MS = 120_000;
/** So far may the wall clock jump before the estimate counts as stale. */
const MAX_JUMP_MS = 1_000;

/**
 * Firestore's clock as this process knows it: taken from the times in answers,
 * carried on by the monotonic clock. It is never ahead, and behind by no more
 * than the round trip of one request.
 */
export class FirestoreClock {
  /** Before the first answer, the wall clock has to do. */
  #offset = Date.now() - performance.now();
  #uncertaintyMs = 0;
  #notedAt = -Infinity;
  #wallOffset = this.#offset;

  /** Milliseconds since 1970-01-01T00:00:00Z, whole. */
  now(): number {
    return Math.floor(performance.now() + this.#offset);
  }

  /** Firestore's clock is not beyond this. */
  latest(): number {
    return this.now() + Math.ceil(this.#uncertaintyMs) + 1;
  }

  /** Whether the estimate is recent, and no suspended machine spoiled it. */
  get fresh(): boolean {
    const now = performance.now();
    const jumpedMs = Date.now() - now - this.#wallOffset;
    return now - this.#notedAt < MAX_AGE_MS &&
      Math.abs(jumpedMs) < MAX_JUMP_MS;
  }

  /**
   * Takes note of a time that the server read from its clock after `askedAt`
   * (on the monotonic clock) and before now.
   */
  note(time: FirestoreTimestamp, askedAt: number): void {
    const now = performance.now();
    const serverMs = millis(time);
    const lowest = serverMs - now;
    const highest = serverMs - askedAt;
    const fits = this.fresh && lowest <= this.#offset &&
      this.#offset <= highest;
    this.#uncertaintyMs = fits
      ? Math.min(this.#uncertaintyMs, highest - this.#offset)
      : highest - lowest;
    if (!fits) this.#offset = lowest;
    this.#notedAt = now;
    this.#wallOffset = Date.now() - now;
  }
}

/** Milliseconds since 1970-01-01T00:00:00Z, with fractions. */
export function millis({ seconds, nanoseconds }: FirestoreTimestamp): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** Microseconds since 1970-01-01T00:00:00Z: Firestore's own resolution. */
export function micros({ seconds, nanoseconds }: FirestoreTimestamp): number {
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}
