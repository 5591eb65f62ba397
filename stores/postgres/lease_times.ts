/** A statement on a claim may take such a share of its lease. */
const SHARE = 1 / 2;

/** How long leases are, as far as a store knows. */
export class LeaseTimes {
  /** No lease that this process took ends later than so long from now. */
  longestMs = 0;
  readonly #limitMs: number;

  /** @param limitMs For how long statements are waited for at most. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** To be called when leases of this length are taken or renewed. */
  note(leaseMs: number): void {
    this.longestMs = Math.max(this.longestMs, leaseMs);
  }

  /** For how long to wait for a statement on claims with such a lease. */
  limitMs(leaseMs: number): number {
    return leaseMs > 0
      ? Math.min(this.#limitMs, leaseMs * SHARE)
      : this.#limitMs;
  }
}
