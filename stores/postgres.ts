/**
 * A store on PostgreSQL: durable, and shared by any number of processes.
 *
 * @module
 */

import type {
  Claim,
  JobStore,
  LockRequest,
  NewTask,
  NextRun,
  Settlement,
  StoreChange,
} from "../src/api/job_store.ts";
import { consoleLogger, type Logger } from "../src/api/logger.ts";
import type { TaskRecord } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import {
  checkDuration,
  checkLogger,
  checkMethods,
} from "../src/core/validate.ts";
import type { PgClient, PgPool, PgRows, Statement } from "./postgres/client.ts";
import { PgCreator } from "./postgres/creator.ts";
import { schemaSql, tableNames, type TableOptions } from "./postgres/schema.ts";
import { PgTable, type TableSettings } from "./postgres/table.ts";
import { claimValues, Settling, toDate, toRecord } from "./postgres/values.ts";

export type {
  PgClient,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgRows,
} from "./postgres/client.ts";
export type { TableOptions } from "./postgres/schema.ts";

/** Options of {@linkcode PostgresStore}. */
export interface PostgresStoreOptions extends TableOptions {
  /**
   * Creates the table, or brings it up to date, on first use. If it is up to
   * date, no right to do so is needed.
   *
   * @default true
   */
  readonly migrate?: boolean | undefined;
  /**
   * Uses prepared statements. Switch it off behind a proxy that pools
   * transactions; if you forget, the store does it with a warning.
   *
   * @default true
   */
  readonly prepare?: boolean | undefined;
  /**
   * Where to get the connection that listens for changes; it is kept as long as
   * a scheduler runs. Pass another pool if the first one goes through a proxy
   * that pools transactions, or `false` to look every `pollMs` instead.
   *
   * @default the pool of the store
   */
  readonly listen?: PgPool | false | undefined;
  /**
   * How often to look for due tasks as long as listening does not work, in
   * milliseconds, at least 10.
   *
   * @default 1_000
   */
  readonly pollMs?: number | undefined;
  /**
   * How long a statement may take, with the wait for a connection, in
   * milliseconds, at least 10. A connection that does not answer is closed, and
   * so is one that takes 10 s to be made, unless the pool has a
   * `connectionTimeoutMillis` of its own.
   *
   * @default 30_000
   */
  readonly operationTimeoutMs?: number | undefined;
  /**
   * Receives a message when listening or prepared statements do not work.
   *
   * @default consoleLogger
   */
  readonly logger?: Logger | undefined;
}

type Rows = PgRows["rows"];

/**
 * Keeps tasks in a table of PostgreSQL, one row each. Due times and leases are
 * judged by the clock of the database. Give it a `pg.Pool`, or a PGlite; it
 * stays yours, and the store does not close it.
 *
 * @example The table, for applying it by hand
 * ```ts
 * import { PostgresStore } from "@x/scheduler/stores/postgres";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const sql = PostgresStore.schemaSql({ schema: "jobs" });
 * assertStringIncludes(sql, 'create table "jobs"."schedules"');
 * ```
 */
export class PostgresStore implements JobStore<PgClient> {
  /** 16 MiB: a batch of tasks has to fit into memory. */
  readonly maxPayloadBytes: number = 16 * 1024 * 1024;

  readonly #table: PgTable;
  readonly #creator: PgCreator;
  /** No lease that this process took ends later than so long from now. */
  #leaseMs = 0;

  /**
   * Does no I/O yet.
   *
   * @param pool A `pg.Pool`, or a PGlite.
   * @throws {TypeError | RangeError} If an argument makes no sense.
   */
  constructor(pool: PgPool, options: PostgresStoreOptions = {}) {
    if (typeof pool?.query !== "function") {
      throw new TypeError(
        "Cannot make a store without a client: expected a pg.Pool or a PGlite",
      );
    }
    const names = tableNames(options);
    this.#table = new PgTable(pool, names, toSettings(pool, options));
    this.#creator = new PgCreator(this.#table);
    for (const one of [pool, options.listen]) if (one) guard(one);
  }

  /**
   * The SQL that creates the table, to be applied by hand where the app has no
   * right to do so. The app needs `usage` on the schema and `select`, `insert`,
   * `update` and `delete` on the table.
   *
   * @throws {TypeError} If a name is not a plain identifier.
   */
  static schemaSql(options: TableOptions = {}): string {
    return schemaSql(tableNames(options));
  }

  /**
   * See {@linkcode JobStore.checkTransaction}: takes a client that is in a
   * transaction, not a pool, which would run each statement on another one.
   */
  checkTransaction(transaction: PgClient): void {
    checkMethods("schedule in a transaction", "a client", transaction, [
      "query",
    ]);
    if ("totalCount" in transaction) {
      throw new TypeError(
        "Cannot schedule in a transaction of a pool: expected the client " +
          "that holds your transaction, as pool.connect() gives it",
      );
    }
  }

  /**
   * See {@linkcode JobStore.create}.
   *
   * When an answer is lost, the tasks are looked up before they are sent again.
   * A task that has run to its end by then is not found, and runs twice.
   *
   * @param transaction A client in a transaction of yours: the tasks are there
   *   if and when you commit. No other connection is used, so the table has to
   *   be there.
   * @throws {TypeError} If `transaction` is a pool.
   * @throws {SchedulerError} If no answer came and it is not known whether the
   *   tasks are there, or if the table is missing in a transaction.
   */
  async create(
    tasks: readonly NewTask[],
    transaction?: PgClient,
  ): Promise<string[]> {
    if (tasks.length === 0) return [];
    return transaction === undefined
      ? await this.#creator.create(tasks)
      : await this.#creator.createWithin(transaction, tasks);
  }

  /** See {@linkcode JobStore.nextRun}. */
  async nextRun(kinds: readonly string[]): Promise<NextRun> {
    const { nextRun } = this.#table.sql;
    const [row] = await this.#table.run("find the next task", nextRun, [kinds]);
    return {
      now: new Date(Math.floor(Number(row.now))),
      when: row.soonest === null ? undefined : toDate(row.soonest),
    };
  }

  /** See {@linkcode JobStore.lock}. */
  async lock({ kinds, limit, leaseMs }: LockRequest): Promise<TaskRecord[]> {
    this.#leaseMs = Math.max(this.#leaseMs, leaseMs);
    const { lockOne, lockSome, lockAny } = this.#table.sql;
    const distinct = [...new Set(kinds)];
    if (distinct.length === 0 || limit < 1) return [];
    const lock = (statement: Statement, kinds: unknown) =>
      this.#table.run("claim tasks", statement, [kinds, limit, leaseMs]);
    let rows: Rows;
    if (distinct.length === 1) {
      rows = await lock(lockOne, distinct[0]);
    } else {
      rows = await lock(lockSome, distinct);
      const [{ slug, due }] = rows;
      if (slug === null) {
        rows = due === null ? [] : await lock(lockAny, distinct);
      }
    }
    return rows.map(toRecord)
      .sort((a, b) => a.when.getTime() - b.when.getTime());
  }

  /** See {@linkcode JobStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]> {
    this.#leaseMs = Math.max(this.#leaseMs, leaseMs);
    if (claims.length === 0) return [];
    const values = [...claimValues(claims), leaseMs];
    const [row] = await this.#table.run(
      "renew leases",
      this.#table.sql.renew,
      values,
    );
    const holds = claims.map(() => false);
    for (const position of row.held as number[]) holds[position - 1] = true;
    return holds;
  }

  /** See {@linkcode JobStore.reschedule}. */
  async reschedule(settlements: readonly Settlement[]): Promise<boolean[]> {
    if (settlements.length === 0) return [];
    const settling = new Settling(settlements);
    const statement = this.#table.sql.settle(settling.parts);
    const { soonest } = settling;
    const { channel } = this.#table.names;
    const row = await this.#table.announce(
      "settle tasks",
      statement,
      (head) =>
        settling.values(
          this.#leaseMs,
          channel,
          soonest === undefined ? null : head(),
        ),
    );
    if (soonest !== undefined) {
      this.#table.tell({ when: soonest, kinds: undefined });
    }
    return settling.effects(row);
  }

  /** See {@linkcode JobStore.getSlugs}. */
  async getSlugs(): Promise<string[]> {
    const { getSlugs } = this.#table.sql;
    const rows = await this.#table.run("list tasks", getSlugs, [], "always");
    return rows.map(({ slug }) => slug as string);
  }

  /** See {@linkcode JobStore.get}. */
  async get(slug: string): Promise<TaskRecord | undefined> {
    const { get } = this.#table.sql;
    const [row] = await this.#table.run("read a task", get, [slug], "always");
    return row && toRecord(row);
  }

  /** See {@linkcode JobStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    const { delete: sql } = this.#table.sql;
    const rows = await this.#table.run("delete a task", sql, [slug], "unsent");
    return rows.length > 0;
  }

  /** See {@linkcode JobStore.clear}. */
  async clear(): Promise<void> {
    await this.#table.run(
      "delete all tasks",
      this.#table.sql.clear,
      [],
      "always",
    );
  }

  /**
   * See {@linkcode JobStore.watch}. Keeps one connection for as long as the
   * watch lasts, or looks at regular intervals where listening does not work.
   */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    return await this.#table.watch(onChange);
  }
}

const GUARDED = new WeakSet<PgPool>();

/**
 * An idle connection that breaks is no reason to end the process, which `pg`
 * would do if nobody heard of it. The next statement takes another connection.
 */
function guard(pool: PgPool): void {
  if (pool.connect === undefined || GUARDED.has(pool)) return;
  GUARDED.add(pool);
  pool.on?.("error", () => {});
}

function toSettings(
  pool: PgPool,
  options: PostgresStoreOptions,
): TableSettings {
  const {
    migrate = true,
    prepare = true,
    listen = pool,
    pollMs = 1_000,
    operationTimeoutMs = 30_000,
    logger = consoleLogger,
  } = options;
  checkOptions("make a PostgresStore", options, [
    "table",
    "schema",
    "migrate",
    "prepare",
    "listen",
    "pollMs",
    "operationTimeoutMs",
    "logger",
  ]);
  checkLogger("make a PostgresStore", logger);
  checkDuration("pollMs", pollMs, { min: 10 });
  checkDuration("operationTimeoutMs", operationTimeoutMs, { min: 10 });
  return { migrate, prepare, listen, pollMs, operationTimeoutMs, logger };
}
