import type {
  NextState,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import { claimValues } from "./claiming.ts";
import type { PgRows } from "./client.ts";
import type { SettleParts } from "./settle_sql.ts";

type Row = PgRows["rows"][number];

/** What one of a batch came to: `"again"` is to be sent once more, as a move. */
export type Effect = Extract<SettleOutcome, string> | "again";

/** A settlement, and its place in the call. */
export interface Placed {
  readonly settlement: Settlement;
  readonly place: number;
  /** Whether its removal met a rerun that was asked for. */
  readonly isRerun?: boolean;
}

/** Beyond that, a row stays for ever: no `Date` is later. */
const FOREVER_MS = 8.64e15;

/** The parameters of a statement that settles. */
export class Settling {
  readonly parts: SettleParts;
  /** When the first of the tasks that go on is due. */
  readonly soonest: Date | undefined;
  readonly #removed: Placed[] = [];
  readonly #moved: Placed[] = [];

  constructor(batch: readonly Placed[]) {
    // All statements lock rows in the order of their slugs.
    const bySlug = (a: Placed, b: Placed) =>
      a.settlement.slug < b.settlement.slug ? -1 : 1;
    for (const placed of [...batch].sort(bySlug)) {
      const isMove = placed.settlement.next !== undefined || placed.isRerun;
      (isMove ? this.#moved : this.#removed).push(placed);
    }
    const nexts = this.#moved.map(({ settlement }) => settlement.next);
    let soonest = Infinity;
    for (const next of nexts) {
      const isDue = next === undefined || next.status !== "scheduled";
      soonest = Math.min(soonest, isDue ? Infinity : next.when.getTime());
    }
    this.soonest = soonest === Infinity ? undefined : new Date(soonest);
    this.parts = {
      remove: this.#removed.length > 0,
      move: this.#moved.length > 0,
      payloads: nexts.some((next) => next?.payload !== undefined),
    };
  }

  /** The parameters, with the head of the message if one is sent. */
  values(leaseMs: number, channel: string, head: string | null): unknown[] {
    const values: unknown[] = [];
    if (this.parts.remove) values.push(...placedValues(this.#removed));
    if (!this.parts.move) return values;
    const nexts = this.#moved.map(({ settlement }) => settlement.next);
    const each = <T>(value: (next: NextState) => T) =>
      nexts.map((next) => next === undefined ? null : value(next) ?? null);
    values.push(
      ...placedValues(this.#moved),
      // A removal that meets a rerun keeps all that it does not say.
      nexts.map((next) => next?.status ?? "done"),
      each((next) => next.when.getTime()),
      each((next) => next.scheduledFor.getTime()),
      each((next) => next.retry),
      each((next) => next.crashes),
      each((next) => next.result),
      each(({ keepMs }) => keepMs < FOREVER_MS ? keepMs : null),
      each((next) => next.lastRun?.startedAt.getTime()),
      each((next) => next.lastRun?.endedAt.getTime()),
      each((next) => next.lastRun?.outcome),
      each(({ lastError }) =>
        lastError === null ? "" : lastError && JSON.stringify(lastError)
      ),
      leaseMs,
      channel,
      head,
    );
    if (this.parts.payloads) values.push(each((next) => next.payload));
    return values;
  }

  /** What became of each settlement, from the answer, by its place. */
  effects({ removed, moved }: Row): Map<Placed, Effect> {
    const effects = new Map<Placed, Effect>();
    for (
      const [batch, answer] of [[this.#removed, removed], [this.#moved, moved]]
    ) {
      (batch as Placed[]).forEach((placed, index) =>
        effects.set(placed, (answer as Effect[] | null)?.[index] ?? "settled")
      );
    }
    return effects;
  }
}

function placedValues(batch: readonly Placed[]): unknown[] {
  return claimValues(batch.map(({ settlement }) => settlement));
}

/** About how many bytes a settlement takes in a statement. */
export function sizeOf({ settlement: { slug, next } }: Placed): number {
  if (next === undefined) return slug.length;
  const { result, payload, lastError } = next;
  return slug.length + result.length + (payload?.length ?? 0) +
    (lastError ? lastError.message.length + lastError.stack.length : 0);
}
