import type {
  Claim,
  LockRequest,
  NewTask,
  NextState,
  Settlement,
} from "../../src/api/job_store.ts";
import type { TaskRecord, TaskStatus } from "../../src/api/task.ts";
import {
  prepare,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from "./database.ts";
import { type SqliteSql, sqliteSql } from "./sql.ts";

/** The values of the columns that `sqliteSql` reads of a task, in their order. */
type Row = [
  id: number,
  slug: string,
  kind: string,
  claimableAt: number,
  version: number,
  status: number,
  runAt: number,
  scheduledFor: number,
  retry: number,
  trigger: string | null,
  result: string,
  payload: Uint8Array,
];

/** What the numbers in the column `status` stand for. */
const STATUSES: readonly TaskStatus[] = ["scheduled", "running", "failed"];

/** How many rows are worked on before other work may go first. */
const ROWS_PER_STEP = 100;
/** How many tasks are claimed at once. */
const CLAIMS_PER_STEP = 500;
/** How many slugs are read at once. */
const SLUGS_PER_STEP = 5_000;

/** Work that yields where other work of the process may go first. */
export type Steps<T> = Generator<void, T, void>;

/** The operations of the store on one database. Steps need a transaction. */
export class SqliteTasks {
  readonly #database: SqliteDatabase;
  readonly #sql: SqliteSql;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase, table: string) {
    this.#database = database;
    this.#sql = sqliteSql(table);
  }

  /**
   * Adds tasks. If any with `onConflict` `"error"` is taken, it adds none, and
   * answers which slugs are taken.
   */
  *create(
    tasks: readonly NewTask[],
    now: number,
    onCreated: (kind: string, when: number) => void,
  ): Steps<string[]> {
    const strict = tasks.filter((task) => task.onConflict === "error");
    const taken = yield* this.#insertAll(strict, now, onCreated);
    if (taken.length > 0) {
      yield* this.#takeBack(strict, new Set(taken));
    } else if (strict.length < tasks.length) {
      const lenient = tasks.filter((task) => task.onConflict !== "error");
      yield* this.#insertAll(lenient, now, onCreated);
    }
    return taken;
  }

  /** The soonest instant at which a task of these kinds can be claimed. */
  soonest(kinds: readonly string[]): number | undefined {
    const row = this.#statement(this.#sql.soonest)
      .get(JSON.stringify(kinds)) as { soonest: number | null };
    return row.soonest ?? undefined;
  }

  /** Those of the kinds that have tasks to claim. */
  dueKinds(kinds: readonly string[], now: number): string[] {
    const rows = this.#statement(this.#sql.dueKinds)
      .all(JSON.stringify(kinds), now) as { kind: string }[];
    return rows.map(({ kind }) => kind);
  }

  /** Claims due tasks, soonest first. */
  *lock(request: LockRequest, now: number): Steps<TaskRecord[]> {
    const { kinds, limit, leaseMs } = request;
    const arms = 2 ** Math.ceil(Math.log2(kinds.length));
    const padding = new Array(arms - kinds.length).fill(null);
    const sql = this.#sql.claim(arms);
    const leaseEnd = Math.ceil(now + leaseMs);
    const claimed: TaskRecord[] = [];
    while (claimed.length < limit) {
      const size = Math.min(limit - claimed.length, CLAIMS_PER_STEP);
      const rows = this.#rows(sql, leaseEnd, now, size, ...kinds, ...padding);
      // SQLite answers in any order.
      rows.sort((a, b) => a[6] - b[6] || a[0] - b[0]);
      for (const row of rows) claimed.push(toRecord(row));
      if (rows.length < size) break;
      yield;
    }
    return claimed;
  }

  /** Makes leases end at `leaseEnd`; answers which claims hold. */
  *renew(claims: readonly Claim[], leaseEnd: number): Steps<boolean[]> {
    const statement = this.#statement(this.#sql.renew);
    const holds: boolean[] = [];
    for (const { slug, version } of claims) {
      holds.push(Number(statement.run(leaseEnd, slug, version).changes) > 0);
      if (holds.length % ROWS_PER_STEP === 0) yield;
    }
    return holds;
  }

  /** Ends claims; answers which of them held. */
  *reschedule(
    settlements: readonly Settlement[],
    onScheduled: (kind: string, when: number) => void,
  ): Steps<boolean[]> {
    const remove = this.#statement(this.#sql.remove);
    const effects: boolean[] = [];
    let highest = 0;
    for (const { slug, version, next } of settlements) {
      let effect: boolean;
      if (next === undefined) {
        effect = Number(remove.run(slug, version).changes) > 0;
        if (effect) highest = Math.max(highest, version);
      } else {
        const kind = this.#settle(slug, version, next);
        effect = kind !== undefined;
        if (effect && next.status === "scheduled") {
          onScheduled(kind!, next.when.getTime());
        }
      }
      effects.push(effect);
      if (effects.length % ROWS_PER_STEP === 0) yield;
    }
    this.#retire(highest);
    return effects;
  }

  /** The slugs of all tasks. */
  *slugs(): Steps<string[]> {
    const statement = this.#statement(this.#sql.slugs);
    const slugs: string[] = [];
    for (let last = "";;) {
      const rows = statement.all(last, SLUGS_PER_STEP) as { slug: string }[];
      for (const { slug } of rows) slugs.push(slug);
      if (rows.length < SLUGS_PER_STEP) return slugs;
      last = slugs[slugs.length - 1];
      yield;
    }
  }

  /** The task with this slug. */
  get(slug: string): TaskRecord | undefined {
    const [row] = this.#rows(this.#sql.get, slug);
    return row && toRecord(row);
  }

  /** Removes a task; answers whether there was one. */
  // deno-lint-ignore require-yield
  *delete(slug: string): Steps<boolean> {
    const [row] = this.#statement(this.#sql.delete)
      .all(slug) as { version: number }[];
    if (row !== undefined) this.#retire(row.version);
    return row !== undefined;
  }

  /** Removes all tasks. */
  // deno-lint-ignore require-yield
  *clear(): Steps<void> {
    const { highest } = this.#statement(this.#sql.highest)
      .get() as { highest: number | null };
    this.#retire(highest ?? 0);
    this.#statement(this.#sql.clear).run();
  }

  /** Answers which slugs are taken, and were not replaced. */
  *#insertAll(
    tasks: readonly NewTask[],
    now: number,
    onCreated: (kind: string, when: number) => void,
  ): Steps<string[]> {
    const taken: string[] = [];
    let count = 0;
    for (const task of tasks) {
      const when = dueTime(task, now);
      if (this.#insert(task, when)) onCreated(task.kind, when);
      else taken.push(task.slug);
      if (++count % ROWS_PER_STEP === 0) yield;
    }
    return taken;
  }

  #insert(task: NewTask, when: number): boolean {
    const { insert, replace } = this.#sql;
    const sql = task.onConflict === "replace" ? replace : insert;
    const { changes } = this.#statement(sql)
      .run(task.slug, task.kind, when, task.trigger ?? null, task.payload);
    return Number(changes) > 0;
  }

  *#takeBack(
    tasks: readonly NewTask[],
    taken: ReadonlySet<string>,
  ): Steps<void> {
    const statement = this.#statement(this.#sql.delete);
    let count = 0;
    for (const { slug } of tasks) {
      if (!taken.has(slug)) statement.all(slug);
      if (++count % ROWS_PER_STEP === 0) yield;
    }
  }

  /** Answers the kind of the task, if the claim held. */
  #settle(slug: string, version: number, next: NextState): string | undefined {
    const when = next.when.getTime();
    const isFailed = next.status === "failed";
    const [row] = this.#statement(this.#sql.settle).all(
      isFailed ? null : when,
      STATUSES.indexOf(next.status),
      when,
      next.scheduledFor.getTime(),
      next.retry,
      next.result,
      next.payload ?? null,
      slug,
      version,
    ) as { kind: string }[];
    return row?.kind;
  }

  /** Sees to it that no version up to this one is given again. */
  #retire(version: number): void {
    if (version > 0) this.#statement(this.#sql.retire).run(version);
  }

  /** Reads tasks; where it can be had, as arrays, which is faster. */
  #rows(sql: string, ...values: SqliteValue[]): Row[] {
    const statement = this.#statement(sql);
    statement.setReturnArrays?.(true);
    const rows = statement.all(...values);
    return (Array.isArray(rows[0])
      ? rows
      : rows.map((row) => Object.values(row as object))) as Row[];
  }

  #statement(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = prepare(this.#database, sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function dueTime({ due }: NewTask, now: number): number {
  return "at" in due ? due.at.getTime() : Math.ceil(now + due.inMs);
}

function toRecord(row: Row): TaskRecord {
  const status = STATUSES[row[5]];
  return {
    slug: row[1],
    kind: row[2],
    payload: row[11],
    trigger: row[9] ?? undefined,
    when: new Date(row[6]),
    scheduledFor: new Date(row[7]),
    version: row[4],
    retry: row[8],
    result: row[10],
    status,
    leaseEnd: status === "running" ? new Date(row[3]) : undefined,
  };
}
