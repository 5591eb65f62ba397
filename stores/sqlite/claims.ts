import type { Claim, LockRequest, Renewal } from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import {
  classesOf,
  dealOut,
  KindLimits,
  type LaneHead,
} from "../../src/core/lanes.ts";
import { type RecordRow, toRecord } from "./columns.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import { ROWS_PER_STEP, type Steps } from "./steps.ts";
import { clockVersion } from "./versions.ts";

/** How many tasks are claimed at once. */
const CLAIMS_PER_STEP = 500;
/** No lane has a higher one. */
const LAST_PRIORITY = 4;

/** A task that can be claimed; `isOver`: its run has ended, and is not to be repeated. */
type Candidate = [id: number, size: number, isOver: number];

/** Claims tasks and renews leases. Steps need a transaction. */
export class SqliteClaims {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;

  constructor(statements: SqliteStatements, sql: SqliteSql) {
    this.#statements = statements;
    this.#sql = sql;
  }

  /** The lanes of kinds, which differ, in their order. Needs no transaction. */
  lanes(kinds: readonly string[]): LaneHead[] {
    const lanes: LaneHead[][] = kinds.map(() => []);
    /** For each priority, the kinds that may have lanes after it. */
    const open = new Map([[-1, kinds.map((_, index) => index)]]);
    for (let after = -1; after < LAST_PRIORITY; after++) {
      const indices = open.get(after) ?? [];
      for (
        const [index, priority, claimableAt] of this.#next(
          indices.map((index) => kinds[index]),
          after,
        )
      ) {
        const position = indices[index];
        lanes[position].push({ kind: kinds[position], priority, claimableAt });
        const others = open.get(priority);
        if (others === undefined) open.set(priority, [position]);
        else others.push(position);
      }
    }
    return lanes.flat();
  }

  /**
   * Claims what is due.
   *
   * @param lanes As they were before the transaction.
   */
  *lock(
    request: LockRequest,
    lanes: readonly LaneHead[],
    now: number,
  ): Steps<TaskRecord[]> {
    const claimed = yield* this.#lockFrom(lanes, request, now);
    if (claimed.length > 0) return claimed;
    // Others have been quicker; they may have left something.
    const { kinds } = new KindLimits(request.kinds);
    return yield* this.#lockFrom(this.lanes(kinds), request, now);
  }

  /** Makes leases end at `leaseEnd`; returns which claims hold. */
  *renew(claims: readonly Claim[], leaseEnd: number): Steps<Renewal[]> {
    const renewals: Renewal[] = [];
    const { renew, renewCancelled } = this.#sql;
    const attempt = (sql: string, { slug, version, token }: Claim) =>
      this.#statements.run(sql, slug, version, token, leaseEnd) > 0;
    for (const claim of claims) {
      if (attempt(renew, claim)) renewals.push("held");
      else renewals.push(attempt(renewCancelled, claim) ? "cancelled" : "lost");
      if (renewals.length % ROWS_PER_STEP === 0) yield;
    }
    return renewals;
  }

  *#lockFrom(
    lanes: readonly LaneHead[],
    request: LockRequest,
    now: number,
  ): Steps<TaskRecord[]> {
    const limits = new KindLimits(request.kinds);
    const classes = dealOut(classesOf(lanes, now), request.limit, limits);
    const claimed: TaskRecord[] = [];
    const budget = { bytes: request.maxBytes, isSpent: false };
    for (const shares of classes) {
      let open = shares;
      while (open.length > 0 && !budget.isSpent) {
        if (claimed.length > 0) yield;
        const turns = Math.max(1, Math.floor(CLAIMS_PER_STEP / open.length));
        const rows = open.map(({ lane, count }) =>
          this.#candidates(lane, now, Math.min(turns, count))
        );
        const ids = inTurn(rows, budget, claimed.length === 0);
        for (const row of this.#claim(ids, request, now)) {
          claimed.push(toRecord(row));
        }
        open = open.flatMap(({ lane, count }, index) =>
          count > turns && rows[index].length === turns
            ? [{ lane, count: count - turns }]
            : []
        );
      }
    }
    return claimed;
  }

  /** Up to so many tasks of a lane. */
  #candidates(
    { kind, priority }: LaneHead,
    now: number,
    count: number,
  ): Candidate[] {
    for (;;) {
      const rows = this.#statements.rows<Candidate>(
        this.#sql.candidates,
        kind,
        priority,
        now,
        count,
      );
      const over = rows.filter(([, , isOver]) => isOver === 1);
      if (over.length === 0) return rows;
      for (const [id] of over) this.#statements.run(this.#sql.endRun, id);
    }
  }

  /** Claims tasks; returns them in the order of their ids in `ids`. */
  #claim(
    ids: readonly number[],
    { leaseMs, token, holder }: LockRequest,
    now: number,
  ): RecordRow[] {
    const rows = this.#statements.rows<RecordRow>(
      this.#sql.claim,
      JSON.stringify(ids),
      Math.ceil(now + leaseMs),
      clockVersion(now),
      token,
      holder,
      now,
    );
    // SQLite answers in any order.
    const byId = new Map(rows.map((row) => [row[0], row]));
    return ids.map((id) => byId.get(id)!);
  }

  #next(
    kinds: readonly string[],
    after: number,
  ): [index: number, priority: number, claimableAt: number][] {
    if (kinds.length === 0) return [];
    const rows = this.#statements.rows<[index: number, lane: string | null]>(
      this.#sql.lanes,
      JSON.stringify(kinds),
      after,
    );
    return rows.flatMap(([index, lane]) => {
      if (lane === null) return [];
      const [priority, claimableAt] = lane.split(" ").map(Number);
      return [[index, priority, claimableAt]];
    });
  }
}

/** The candidates of several lanes by turn, as far as the budget goes. */
function inTurn(
  lanes: readonly Candidate[][],
  budget: { bytes: number; isSpent: boolean },
  isFirst: boolean,
): number[] {
  const ids: number[] = [];
  const turns = Math.max(...lanes.map(({ length }) => length));
  for (let turn = 0; turn < turns; turn++) {
    for (const { [turn]: candidate } of lanes) {
      if (candidate === undefined) continue;
      const [id, size] = candidate;
      budget.isSpent = size > budget.bytes && !(isFirst && ids.length === 0);
      if (budget.isSpent) return ids;
      budget.bytes -= size;
      ids.push(id);
    }
  }
  return ids;
}
