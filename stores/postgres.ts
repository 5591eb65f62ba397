/**
 * A store on PostgreSQL: durable, and shared by any number of processes.
 *
 * @module
 */

import { SchedulerError } from "../src/errors.ts";
import type {
  Claim,
  JobStore,
  LockRequest,
  NewTask,
  NextRun,
  Settlement,
  StoreChange,
} from "../src/job_store.ts";
import { consoleLogger, type Logger } from "../src/logger.ts";
import type { TaskRecord } from "../src/task.ts";
import { checkDuration } from "../src/validate.ts";
import { type Announcement, Announcer } from "./postgres_announcer.ts";
import {
  isConnectionLoss,
  type PgClient,
  type PgPool,
  type PgRows,
  sqlState,
  type Statement,
} from "./postgres_client.ts";
import { type Again, PgExecutor, type Values } from "./postgres_executor.ts";
import {
  prepareSchema,
  schemaSql,
  type TableNames,
  tableNames,
  type TableOptions,
} from "./postgres_schema.ts";
import { type StoreSql, storeSql } from "./postgres_sql.ts";
import {
  claimValues,
  Creation,
  Settling,
  toDate,
  toRecord,
} from "./postgres_values.ts";
import { PgWatch } from "./postgres_watch.ts";

export type {
  PgClient,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgRows,
} from "./postgres_client.ts";
export type { TableOptions } from "./postgres_schema.ts";

/** Options of {@linkcode PostgresStore}. */
export interface PostgresStoreOptions extends TableOptions {
  /**
   * Creates the table, or brings it up to date, on first use. If it is up to
   * date, no right to do so is needed.
   *
   * @default true
   */
  readonly migrate?: boolean;
  /**
   * Uses prepared statements. Switch it off behind a proxy that pools
   * transactions; if you forget, the store does it with a warning.
   *
   * @default true
   */
  readonly prepare?: boolean;
  /**
   * Where to get the connection that listens for changes; it is kept as long as
   * a scheduler runs. Pass another pool if the first one goes through a proxy
   * that pools transactions, or `false` to look every `pollMs` instead.
   *
   * @default the pool of the store
   */
  readonly listen?: PgPool | false;
  /**
   * How often to look for due tasks as long as listening does not work, in
   * milliseconds, at least 10.
   *
   * @default 1_000
   */
  readonly pollMs?: number;
  /**
   * How long to wait for a connection, and for the answer to a statement, in
   * milliseconds, at least 10. A connection that does not answer is closed.
   *
   * @default 30_000
   */
  readonly operationTimeoutMs?: number;
  /**
   * Where to say that listening or prepared statements do not work.
   *
   * @default consoleLogger
   */
  readonly logger?: Logger;
}

type Settings = Required<Omit<PostgresStoreOptions, keyof TableOptions>>;
type Rows = PgRows["rows"];

/** How often a creation is tried that others, or an outage, get in the way of. */
const MAX_TRIES = 5;

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

  readonly #settings: Settings;
  readonly #names: TableNames;
  readonly #sql: StoreSql;
  readonly #executor: PgExecutor;
  readonly #origin: string = crypto.randomUUID().slice(0, 8);
  readonly #announcer = new Announcer(this.#origin);
  readonly #watches = new Set<PgWatch>();
  #prepared: Promise<void> | undefined;
  #nudging: Promise<void> | undefined;
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
        "Cannot make a store without a client: pass a pg.Pool or a PGlite",
      );
    }
    this.#settings = toSettings(pool, options);
    this.#names = tableNames(options);
    this.#sql = storeSql(this.#names.table);
    this.#executor = new PgExecutor({
      pool,
      prepare: this.#settings.prepare,
      timeoutMs: this.#settings.operationTimeoutMs,
      name: this.#names.channel,
      logger: this.#settings.logger,
    });
    guard(pool);
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
   * See {@linkcode JobStore.create}.
   *
   * @param transaction A client in a transaction of yours: the tasks are there
   *   if and when you commit.
   * @throws {SchedulerError} If the connection broke and it is not known
   *   whether the tasks are there.
   */
  async create(
    tasks: readonly NewTask[],
    transaction?: PgClient,
  ): Promise<string[]> {
    if (tasks.length === 0) return [];
    await this.#prepare();
    const creation = new Creation(tasks, this.#names.channel);
    return transaction === undefined
      ? await this.#create(creation)
      : await this.#createWithin(transaction, creation);
  }

  /** See {@linkcode JobStore.nextRun}. */
  async nextRun(kinds: readonly string[]): Promise<NextRun> {
    const { nextRun } = this.#sql;
    const [row] = await this.#run("find the next task", nextRun, [kinds]);
    return {
      now: new Date(Math.floor(Number(row.now))),
      when: row.soonest === null ? undefined : toDate(row.soonest),
    };
  }

  /** See {@linkcode JobStore.lock}. */
  async lock({ kinds, limit, leaseMs }: LockRequest): Promise<TaskRecord[]> {
    this.#leaseMs = Math.max(this.#leaseMs, leaseMs);
    const { lockOne, lockSome, lockAny } = this.#sql;
    const distinct = [...new Set(kinds)];
    if (distinct.length === 0 || limit < 1) return [];
    const lock = (statement: Statement, kinds: unknown) =>
      this.#run("claim tasks", statement, [kinds, limit, leaseMs]);
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
    const [row] = await this.#run("renew leases", this.#sql.renew, values);
    const holds = claims.map(() => false);
    for (const position of row.held as number[]) holds[position - 1] = true;
    return holds;
  }

  /** See {@linkcode JobStore.reschedule}. */
  async reschedule(settlements: readonly Settlement[]): Promise<boolean[]> {
    if (settlements.length === 0) return [];
    const settling = new Settling(settlements);
    const statement = this.#sql.settle(settling.parts);
    const { soonest } = settling;
    const { channel } = this.#names;
    const row = await this.#announce(
      "settle tasks",
      statement,
      (head) =>
        settling.values(
          this.#leaseMs,
          channel,
          soonest === undefined ? null : head(),
        ),
    );
    if (soonest !== undefined) this.#tell({ when: soonest, kinds: undefined });
    return settling.effects(row);
  }

  /** See {@linkcode JobStore.getSlugs}. */
  async getSlugs(): Promise<string[]> {
    const { getSlugs } = this.#sql;
    const rows = await this.#run("list tasks", getSlugs, [], "always");
    return rows.map(({ slug }) => slug as string);
  }

  /** See {@linkcode JobStore.get}. */
  async get(slug: string): Promise<TaskRecord | undefined> {
    const { get } = this.#sql;
    const [row] = await this.#run("read a task", get, [slug], "always");
    return row && toRecord(row);
  }

  /** See {@linkcode JobStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    const { delete: sql } = this.#sql;
    const rows = await this.#run("delete a task", sql, [slug], "unsent");
    return rows.length > 0;
  }

  /** See {@linkcode JobStore.clear}. */
  async clear(): Promise<void> {
    await this.#run("delete all tasks", this.#sql.clear, [], "always");
  }

  /**
   * See {@linkcode JobStore.watch}. Keeps one connection for as long as the
   * watch lasts, or looks at regular intervals where listening does not work.
   */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    await this.#prepare();
    const { listen, pollMs, operationTimeoutMs, logger } = this.#settings;
    const watch = new PgWatch({
      pool: listen === false ? undefined : listen,
      channel: this.#names.channel,
      origin: this.#origin,
      pollMs,
      timeoutMs: operationTimeoutMs,
      logger,
      notify: (message) => this.#notify(message),
      onChange,
    });
    this.#watches.add(watch);
    await watch.start();
    return {
      [Symbol.asyncDispose]: async () => {
        this.#watches.delete(watch);
        await watch[Symbol.asyncDispose]();
      },
    };
  }

  async #run(
    what: string,
    statement: Statement,
    values: Values,
    again?: Again,
  ): Promise<Rows> {
    await this.#prepare();
    return await this.#executor.run(what, statement, values, again);
  }

  /** Sees to it once that the table is there. */
  async #prepare(): Promise<void> {
    this.#prepared ??= prepareSchema(
      this.#names,
      this.#settings.migrate,
      (statement, values) =>
        this.#executor.run("prepare the table", statement, values, "always"),
    );
    try {
      await this.#prepared;
    } catch (error) {
      this.#prepared = undefined;
      throw error;
    }
  }

  /** Creates tasks at once, in spite of races and outages. */
  async #create(creation: Creation): Promise<string[]> {
    const statement = this.#sql.create(creation.modes);
    for (let tries = 1;; tries++) {
      try {
        const row = await this.#announce(
          "create tasks",
          statement,
          (head) => creation.values(head()),
          "unsent",
        );
        if (row.due !== null) {
          const when = row.is_due ? undefined : toDate(row.due);
          this.#tell({ when, kinds: creation.kinds });
        }
        const taken = creation.taken(row);
        const isOurs = tries > 1 && taken.length > 0 &&
          await this.#isThere(creation);
        return isOurs ? [] : taken;
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
        if (isConnectionLoss(error)) {
          if (await this.#isThere(creation, error)) return [];
        } else if (sqlState(error) !== UNIQUE_VIOLATION) {
          throw error;
        }
      }
    }
  }

  /** Whether a creation whose answer was lost got through. */
  async #isThere(creation: Creation, cause?: unknown): Promise<boolean> {
    const { findCreation } = this.#sql;
    const { id, slugs } = creation;
    try {
      const rows = await this.#run(
        "find out what was created",
        findCreation,
        [id, slugs],
        "always",
      );
      return rows.length > 0;
    } catch {
      throw new SchedulerError(
        `Cannot tell whether tasks were created in "${this.#names.channel}": ` +
          `the connection broke before the answer came; schedule them again ` +
          `with onConflict "keep"`,
        { cause },
      );
    }
  }

  /**
   * The message has no origin, so that this process hears it too when the user
   * commits.
   */
  async #createWithin(
    transaction: PgClient,
    creation: Creation,
  ): Promise<string[]> {
    const { text } = this.#sql.create(creation.modes);
    const create = async () => {
      const values = creation.values(headOf({ o: null }));
      return creation.taken((await transaction.query(text, values)).rows[0]);
    };
    if (!creation.modes.includes("error")) return await create();
    await transaction.query("savepoint scheduler_create");
    try {
      return await create();
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      // Another transaction took a slug in between; now it can be seen.
      await transaction.query("rollback to savepoint scheduler_create");
      return await create();
    }
  }

  /**
   * Runs a statement that changes what is due, and lets others know.
   *
   * @param values Makes the parameters; takes the `head` of the message if
   *   there is something to tell.
   */
  async #announce(
    what: string,
    statement: Statement,
    values: (head: () => string | null) => unknown[],
    again?: Again,
  ): Promise<Rows[number]> {
    let announcement: Announcement | undefined;
    let hasChanges = false;
    const head = () => {
      hasChanges = true;
      announcement = this.#announcer.announce(performance.now());
      return announcement ? headOf(announcement) : null;
    };
    const [row] = await this.#run(what, statement, () => values(head), again);
    const isOwed = announcement === undefined
      ? !this.#announcer.isSeen(performance.now())
      : announcement.again !== undefined && !row.told;
    if (hasChanges && isOwed) await this.#nudge();
    return row;
  }

  /**
   * Asks others to look. If it gets lost they are late, but nothing is missing
   * in the table. Those who call before it is sent share one message.
   */
  #nudge(): Promise<void> {
    const message = JSON.stringify({ o: this.#origin });
    const values = () => {
      this.#nudging = undefined;
      return [this.#names.channel, message];
    };
    return this.#nudging ??= this.#run("notify", this.#sql.notify, values)
      .then(() => {}, () => this.#nudging = undefined);
  }

  async #notify(message: string): Promise<void> {
    const { channel } = this.#names;
    await this.#run("notify", this.#sql.notify, [channel, message]);
  }

  /** Tells the watches of this process; others hear the announcement. */
  #tell(change: StoreChange): void {
    for (const watch of this.#watches) watch.tell(change);
  }
}

const UNIQUE_VIOLATION = "23505";

/** The beginning of a message, to be completed in the database. */
function headOf(announcement: Announcement): string {
  return `${JSON.stringify(announcement).slice(0, -1)},"w":`;
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

function toSettings(pool: PgPool, options: PostgresStoreOptions): Settings {
  const {
    migrate = true,
    prepare = true,
    listen = pool,
    pollMs = 1_000,
    operationTimeoutMs = 30_000,
    logger = consoleLogger,
  } = options;
  checkDuration("pollMs", pollMs, { min: 10 });
  checkDuration("operationTimeoutMs", operationTimeoutMs, { min: 10 });
  return { migrate, prepare, listen, pollMs, operationTimeoutMs, logger };
}
