import type {
  Claim,
  NextState,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import { encodeError, statusCode } from "./columns.ts";
import { isValueError } from "./errors.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import type { GatheredChange } from "../../src/core/watchers.ts";
import { ROWS_PER_STEP, type Steps } from "./steps.ts";
import type { SqliteVersions } from "./versions.ts";

/** A next state; without a result, that of the task stays. */
type State = Omit<NextState, "result"> & { readonly result?: string };

/** Ends claims. Steps need a transaction. */
export class SqliteSettlements {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;
  readonly #versions: SqliteVersions;

  constructor(
    statements: SqliteStatements,
    sql: SqliteSql,
    versions: SqliteVersions,
  ) {
    this.#statements = statements;
    this.#sql = sql;
    this.#versions = versions;
  }

  /** Ends claims; what can never be stored is answered with its error. */
  *reschedule(
    settlements: readonly Settlement[],
    now: number,
    change: GatheredChange,
  ): Steps<SettleOutcome[]> {
    const outcomes: SettleOutcome[] = [];
    let retired = 0;
    for (const settlement of settlements) {
      try {
        const isRemoved = this.#remove(settlement);
        if (isRemoved) retired = Math.max(retired, settlement.version);
        const isSettled = isRemoved || this.#settle(settlement, now, change);
        outcomes.push(isSettled ? "settled" : "lost");
      } catch (error) {
        if (!isValueError(error)) throw error;
        outcomes.push({ error });
      }
      if (outcomes.length % ROWS_PER_STEP === 0) yield;
    }
    this.#versions.retire(retired);
    return outcomes;
  }

  /** Returns whether that was all that there is to do. */
  #remove({ slug, version, token, next }: Settlement): boolean {
    if (next !== undefined && !(hasEnded(next) && next.keepMs <= 0)) {
      return false;
    }
    return this.#statements.run(this.#sql.remove, slug, version, token) > 0;
  }

  /** Returns whether the claim held. */
  #settle(
    settlement: Settlement,
    now: number,
    change: GatheredChange,
  ): boolean {
    const { next } = settlement;
    if (next !== undefined && !(hasEnded(next) && next.keepMs <= 0)) {
      if (this.#update(settlement, next, null, now, change)) return true;
    }
    const { slug, version, token } = settlement;
    const [held] = this.#statements
      .rows<[number | null]>(this.#sql.rerunOf, slug, version, token);
    if (held === undefined || held[0] === null) return false;
    const state = withRerun(next, held[0]);
    return this.#update(settlement, state, held[0], now, change);
  }

  /** Returns whether the claim held, and the rerun was the one given. */
  #update(
    { slug, version, token }: Claim,
    state: State,
    rerunAt: number | null,
    now: number,
    change: GatheredChange,
  ): boolean {
    const { status, lastRun, lastError } = state;
    const when = state.when.getTime();
    const keepUntil = Math.ceil(now + state.keepMs);
    const [row] = this.#statements.rows<[string, number | null]>(
      this.#sql.settle,
      slug,
      version,
      token,
      rerunAt,
      statusCode(status),
      hasEnded(state) ? null : when,
      when,
      state.scheduledFor.getTime(),
      state.retry,
      state.crashes,
      state.result ?? null,
      state.payload ?? null,
      hasEnded(state) && keepUntil < Infinity ? keepUntil : null,
      lastRun?.startedAt.getTime() ?? null,
      lastRun?.endedAt.getTime() ?? null,
      lastRun?.outcome ?? null,
      // The empty text leaves it as it was.
      lastError === undefined ? "" : lastError && encodeError(lastError),
    );
    if (row === undefined) return false;
    const [kind, claimableAt] = row;
    if (claimableAt !== null) change.add(kind, claimableAt);
    return true;
  }
}

function hasEnded({ status }: Pick<NextState, "status">): boolean {
  return status !== "scheduled";
}

/** The state of a task that is to run again at `rerunAt`, or sooner. */
function withRerun(next: NextState | undefined, rerunAt: number): State {
  const when = new Date(rerunAt);
  const again = { status: "scheduled", when, scheduledFor: when } as const;
  if (next === undefined) {
    return {
      ...again,
      retry: 0,
      crashes: 0,
      payload: undefined,
      lastRun: undefined,
      lastError: undefined,
      keepMs: 0,
    };
  }
  if (hasEnded(next)) return { ...next, ...again, retry: 0 };
  return next.when.getTime() <= rerunAt ? next : { ...next, ...again };
}
