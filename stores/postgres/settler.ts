import type { Settlement, SettleOutcome } from "../../src/api/job_store.ts";
import { copyBytes } from "../../src/core/bytes.ts";
import { batchesOf } from "./batches.ts";
import { sqlState } from "./client.ts";
import type { LeaseTimes } from "./lease_times.ts";
import { type Effect, type Placed, Settling, sizeOf } from "./settling.ts";
import type { PgTable } from "./table.ts";
import { toDate } from "./values.ts";

/** Settles claims: many at once, and each on its own if one of them is bad. */
export class PgSettler {
  readonly #table: PgTable;
  readonly #leases: LeaseTimes;

  constructor(table: PgTable, leases: LeaseTimes) {
    this.#table = table;
    this.#leases = leases;
  }

  /** See `ClaimingStore.reschedule`. */
  async settle(settlements: readonly Settlement[]): Promise<SettleOutcome[]> {
    const outcomes = settlements.map((): SettleOutcome => "busy");
    const all = settlements.map((settlement, place) => ({
      settlement: copyOf(settlement),
      place,
    }));
    for (const batch of batchesOf(all, sizeOf)) {
      try {
        await this.#settleBatch(batch, outcomes);
      } catch (error) {
        // The caller comes back to what is busy, and hears of the error then.
        if (outcomes.every((outcome) => outcome === "busy")) throw error;
        break;
      }
    }
    return outcomes;
  }

  async #settleBatch(
    batch: Placed[],
    outcomes: SettleOutcome[],
  ): Promise<void> {
    let effects: Map<Placed, Effect>;
    try {
      effects = await this.#send(batch);
    } catch (error) {
      if (!isBadData(error)) throw error;
      if (batch.length === 1) {
        outcomes[batch[0].place] = { error: error as Error };
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#settleBatch(batch.slice(0, half), outcomes);
      await this.#settleBatch(batch.slice(half), outcomes);
      return;
    }
    const reruns: Placed[] = [];
    for (const [placed, effect] of effects) {
      if (effect !== "again") outcomes[placed.place] = effect;
      else if (!placed.isRerun) reruns.push({ ...placed, isRerun: true });
    }
    if (reruns.length > 0) await this.#settleBatch(reruns, outcomes);
  }

  async #send(batch: readonly Placed[]): Promise<Map<Placed, Effect>> {
    const settling = new Settling(batch);
    const { longestMs } = this.#leases;
    const { soonest } = settling;
    const { channel } = this.#table.names;
    const row = await this.#table.announce(
      "settle tasks",
      this.#table.sql.settle(settling.parts),
      (head) =>
        settling.values(
          longestMs,
          channel,
          soonest === undefined ? null : head(),
        ),
      "never",
      this.#leases.limitMs(longestMs),
    );
    const when = soonerOf(soonest, row.rerun);
    if (when !== undefined) this.#table.tell({ when, kinds: undefined });
    // Nobody could know that it would be due.
    if (soonest === undefined && row.rerun != null) await this.#table.nudge();
    return settling.effects(row);
  }
}

/** A copy that the caller cannot change while the store waits. */
function copyOf(settlement: Settlement): Settlement {
  const { slug, version, token, next } = settlement;
  return {
    slug,
    version,
    token,
    next: next && {
      ...next,
      when: new Date(next.when),
      scheduledFor: new Date(next.scheduledFor),
      payload: next.payload && copyBytes(next.payload),
    },
  };
}

function soonerOf(soonest: Date | undefined, rerun: unknown): Date | undefined {
  if (rerun == null) return soonest;
  const date = toDate(rerun);
  return soonest !== undefined && soonest < date ? soonest : date;
}

/**
 * What no try will get stored: text or numbers that the server cannot encode,
 * constraints, and sizes beyond its limits, or those of a string.
 */
function isBadData(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined
    ? error instanceof RangeError ||
      (error as { code?: unknown }).code === "ERR_STRING_TOO_LONG"
    : /^(22|23|54)/.test(state);
}
