/**
 * A store on PostgreSQL: durable, and shared by any number of processes.
 *
 * @module
 */

import type {
  Claim,
  CreateOutcome,
  FullStore,
  LivingInstance,
  LockRequest,
  NewTask,
  NextRun,
  NextRunRequest,
  Renewal,
  Settlement,
  SettleOutcome,
  StoreChange,
} from "../src/api/job_store.ts";
import { consoleLogger, type Logger } from "../src/api/logger.ts";
import type { TaskDetails, TaskRecord } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import { printable } from "../src/core/text.ts";
import { checkDuration, checkLogger } from "../src/core/validate.ts";
import { claimValues, inTurn, toRequest } from "./postgres/claiming.ts";
import type { PgClient, PgPool } from "./postgres/client.ts";
import { checkTransaction, PgCreator } from "./postgres/creator.ts";
import { LeaseTimes } from "./postgres/lease_times.ts";
import { PgLooker } from "./postgres/looker.ts";
import { tableNames, type TableOptions } from "./postgres/names.ts";
import { PgSchema } from "./postgres/schema.ts";
import { PgSettler } from "./postgres/settler.ts";
import { PgTable, type TableSettings } from "./postgres/table.ts";
import { toDetails, toInstance } from "./postgres/values.ts";

export type {
  PgClient,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgRows,
} from "./postgres/client.ts";
export type { TableOptions } from "./postgres/names.ts";

/** Options of {@linkcode PostgresStore}. */
export interface PostgresStoreOptions extends TableOptions {
  /**
   * Creates the tables, or brings them up to date, on first use. If they are up
   * to date, no right to do so is needed.
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
   * milliseconds, at least 10; on claims, half a lease at most. A connection that
   * does not answer is closed, and so is one that takes 5 s to be made, unless
   * the pool has a `connectionTimeoutMillis` of its own.
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

/** Options of {@linkcode PostgresStore.schemaSql}. */
export interface SchemaSqlOptions extends TableOptions {
  /**
   * The version of the schema that is in the database, as the table `…_meta`
   * says: prints the upgrade from there.
   *
   * @default 0, nothing is there
   */
  readonly from?: number | undefined;
}

/**
 * Keeps tasks in a table of PostgreSQL, one row each. Due times and leases are
 * judged by the clock of the database. Give it a `pg.Pool`, or a PGlite; it
 * stays yours, and the store does not close it.
 *
 * @example The tables, for applying them by hand
 * ```ts
 * import { PostgresStore } from "@x/scheduler/stores/postgres";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const sql = PostgresStore.schemaSql({ schema: "jobs" });
 * assertStringIncludes(sql, 'create table "jobs"."schedules"');
 * ```
 */
export class PostgresStore implements FullStore<PgClient> {
  /** 16 MiB: a batch of tasks has to fit into memory. */
  readonly maxPayloadBytes: number = 16 * 1024 * 1024;

  readonly #table: PgTable;
  readonly #creator: PgCreator;
  readonly #looker: PgLooker;
  readonly #settler: PgSettler;
  readonly #leases: LeaseTimes;

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
    if ("connectionParameters" in pool) {
      throw new TypeError(
        "Cannot make a store on a single client of pg, which cannot be lent " +
          "twice: expected a pg.Pool",
      );
    }
    const settings = toSettings(pool, options);
    this.#table = new PgTable(pool, tableNames(options), settings);
    this.#leases = new LeaseTimes(this.#table.limitMs);
    this.#creator = new PgCreator(this.#table);
    this.#looker = new PgLooker(this.#table);
    this.#settler = new PgSettler(this.#table, this.#leases);
    for (const one of [pool, options.listen]) if (one) guard(one);
  }

  /**
   * The SQL that creates the tables, or brings them up to date, to be applied by
   * hand where the app has no right to do so. The app needs `usage` on the
   * schema, `select` on the table `…_meta`, and `select`, `insert`, `update` and
   * `delete` on the other two. Indexes of an upgrade are created concurrently,
   * so it cannot run in a transaction as a whole.
   *
   * @throws {TypeError} If a name is not a plain identifier.
   * @throws {RangeError} If `from` is not a version up to the newest one.
   */
  static schemaSql(options: SchemaSqlOptions = {}): string {
    const { from = 0 } = options;
    const schema = new PgSchema(tableNames(options));
    if (!Number.isInteger(from) || from < 0 || from > schema.version) {
      throw new RangeError(
        `Cannot print the upgrade from version ${printable(from)}: expected ` +
          `an integer from 0 to ${schema.version}`,
      );
    }
    return schema.print(from);
  }

  /**
   * See {@linkcode ClaimingStore.checkTransaction}: takes a client that is in a
   * transaction, not a pool, which would run each statement on another one.
   */
  checkTransaction(transaction: PgClient): void {
    checkTransaction(transaction);
  }

  /**
   * See {@linkcode ClaimingStore.create}. When an answer is lost, the tasks are
   * looked up before they are sent again. A task that has run to its end by then
   * is not found, and runs twice.
   *
   * @param transaction A client in a transaction of yours: the tasks are there
   *   if and when you commit. No other connection is used, so the tables have to
   *   be there.
   * @throws {TypeError} If `transaction` is a pool.
   * @throws {SchedulerError} If no answer came and it is not known whether the
   *   tasks are there, or if the table is missing in a transaction.
   */
  async create(
    tasks: readonly NewTask[],
    transaction?: PgClient,
  ): Promise<CreateOutcome[]> {
    if (tasks.length === 0) return [];
    return transaction === undefined
      ? await this.#creator.create(tasks)
      : await this.#creator.createWithin(transaction, tasks);
  }

  /** See {@linkcode ClaimingStore.nextRun}. */
  async nextRun(request: NextRunRequest): Promise<NextRun> {
    return await this.#looker.nextRun(request);
  }

  /** See {@linkcode ClaimingStore.lock}. */
  async lock(request: LockRequest): Promise<TaskRecord[]> {
    this.#leases.note(request.leaseMs);
    const { isEmpty, isCapped, values } = toRequest(request);
    if (isEmpty) return [];
    const { lock, lockCapped } = this.#table.sql;
    const statement = isCapped ? lockCapped : lock;
    const limitMs = this.#leases.limitMs(request.leaseMs);
    return inTurn(
      await this.#table.run("claim tasks", statement, values, "never", limitMs),
      request.token,
    );
  }

  /** See {@linkcode ClaimingStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    this.#leases.note(leaseMs);
    if (claims.length === 0) return [];
    const [row] = await this.#table.run(
      "renew leases",
      this.#table.sql.renew,
      [...claimValues(claims), leaseMs],
      "never",
      this.#leases.limitMs(leaseMs),
    );
    return row.renewed as Renewal[] | null ?? claims.map(() => "held");
  }

  /** See {@linkcode ClaimingStore.reschedule}. */
  async reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    return await this.#settler.settle(settlements);
  }

  /** See {@linkcode InspectingStore.getSlugs}. */
  async getSlugs(): Promise<string[]> {
    const { getSlugs } = this.#table.sql;
    const rows = await this.#table.run("list tasks", getSlugs, [], "always");
    return rows.map(({ slug }) => slug as string);
  }

  /** See {@linkcode InspectingStore.get}. */
  async get(slug: string): Promise<TaskDetails | undefined> {
    const { get } = this.#table.sql;
    const [row] = await this.#table.run("read a task", get, [slug], "always");
    return row && toDetails(row);
  }

  /** See {@linkcode SteeringStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    const { delete: sql } = this.#table.sql;
    const rows = await this.#table.run("delete a task", sql, [slug], "unsent");
    return rows[0]?.stayed === true;
  }

  /** See {@linkcode SteeringStore.clear}. */
  async clear(): Promise<void> {
    await this.#table.run(
      "delete all tasks",
      this.#table.sql.clear,
      [],
      "always",
    );
  }

  /** See {@linkcode InstanceStore.listInstances}. */
  async listInstances(): Promise<LivingInstance[]> {
    const { listInstances: sql } = this.#table.sql;
    return (await this.#table.run("list instances", sql, [], "always"))
      .map(toInstance);
  }

  /** See {@linkcode InstanceStore.removeInstance}. */
  async removeInstance(id: string): Promise<void> {
    const { removeInstance: sql } = this.#table.sql;
    await this.#table.run("remove an instance", sql, [id], "always");
  }

  /**
   * See {@linkcode ClaimingStore.watch}. Keeps one connection for as long as the
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
  const {
    migrate = true,
    prepare = true,
    listen = pool,
    pollMs = 1_000,
    operationTimeoutMs = 30_000,
    logger = consoleLogger,
  } = options;
  for (const [name, value] of Object.entries({ migrate, prepare })) {
    if (typeof value === "boolean") continue;
    throw new TypeError(
      `Cannot use ${name} ${printable(value)}: expected true or false`,
    );
  }
  checkLogger("make a PostgresStore", logger);
  checkDuration("pollMs", pollMs, { min: 10 });
  checkDuration("operationTimeoutMs", operationTimeoutMs, { min: 10 });
  return { migrate, prepare, listen, pollMs, operationTimeoutMs, logger };
}
