/**
 * A store in an SQLite file: durable with nothing to install, for one machine.
 * It stands on `node:sqlite`, which Deno, Node and Bun bring along.
 *
 * @example Tasks that are there again after a restart
 * ```ts
 * import { StdScheduler } from "@x/scheduler";
 * import { SqliteStore } from "@x/scheduler/stores/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * await using store = new SqliteStore(":memory:"); // or "schedules.db"
 * await using scheduler = new StdScheduler(store);
 * await scheduler.scheduleJob("hello", "print", { payload: "Hello" });
 * assertEquals(await scheduler.getJobSlugs(), ["hello"]);
 * ```
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../src/api/clock.ts";
import { StoreUnusableError } from "../src/api/errors.ts";
import type {
  Claim,
  JobStore,
  LockRequest,
  NewTask,
  NextRun,
  Settlement,
  StoreChange,
} from "../src/api/job_store.ts";
import type { TaskRecord } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import { printable } from "../src/core/text.ts";
import { checkClock, checkDuration } from "../src/core/validate.ts";
import {
  nameOf,
  openSqlite,
  type SqliteConnection,
} from "./sqlite/connection.ts";
import type { SqliteDatabase } from "./sqlite/database.ts";
import { SqliteFileWatch } from "./sqlite/file_watch.ts";

export type {
  SqliteDatabase,
  SqliteStatement,
  SqliteValue,
} from "./sqlite/database.ts";

/** Options of {@linkcode SqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The name of the table: letters, digits and `_`. A second table, for a few
   * words about the first, has `_meta` behind the name.
   *
   * @default "schedules"
   */
  readonly table?: string | undefined;
  /**
   * When an operation is done: with `"full"`, when it is safe on the disk; with
   * `"normal"`, when it would survive the death of the process, but not always
   * a power cut. A database that was passed keeps its own setting.
   *
   * @default "full"
   */
  readonly synchronous?: "full" | "normal" | undefined;
  /**
   * How long to wait, in milliseconds, while somebody else has the database
   * locked. Other work of the process goes on meanwhile.
   *
   * @default 5_000
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * The clock that judges due times and leases: all processes that use the file
   * run on one machine.
   *
   * @default systemClock
   */
  readonly clock?: Clock | undefined;
}

type Watcher = (change: StoreChange) => void;

/** Who hears of changes, for each database object: several stores may share one. */
const watchersOf = new WeakMap<SqliteDatabase, Set<Watcher>>();

/**
 * Keeps tasks in an SQLite database. Several processes on one machine may use
 * the same file; each hears at once what the others change.
 *
 * Given a path, the store opens the file when it is first used, in WAL mode, and
 * creates it if need be; it refuses files that belong to something else, and
 * `close` closes it. Given an open database, it adds its two tables to what is
 * there, leaves all settings alone, and never closes it.
 *
 * Calls that fall together are committed together: one write to the disk serves
 * them all.
 *
 * @example A database of one's own
 * ```ts
 * import { DatabaseSync } from "node:sqlite";
 * import { StdScheduler } from "@x/scheduler";
 * import { SqliteStore } from "@x/scheduler/stores/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * using database = new DatabaseSync(":memory:");
 * const store = new SqliteStore(database, { table: "reminders" });
 * await using scheduler = new StdScheduler(store);
 * await scheduler.scheduleJob("hello", "print", { payload: "Hello" });
 * const row = database.prepare("SELECT count(*) AS tasks FROM reminders").get();
 * assertEquals(row?.tasks, 1);
 * ```
 */
export class SqliteStore implements JobStore, AsyncDisposable {
  /** 16 MiB: a payload is read whole whenever its task is claimed. */
  readonly maxPayloadBytes: number = 2 ** 24;

  readonly #source: string | SqliteDatabase;
  readonly #settings: Required<SqliteStoreOptions>;
  #connection: Promise<SqliteConnection> | undefined;
  #watchers: Set<Watcher> = new Set();
  #watches = 0;
  #fileWatch: SqliteFileWatch | undefined;
  #isClosed = false;

  /**
   * Does no I/O yet.
   *
   * @param database The path of the file, `":memory:"`, a `file:` URL, or an
   * open database, such as a `DatabaseSync` of `node:sqlite`.
   * @throws {TypeError | RangeError} If an argument makes no sense.
   */
  constructor(
    database: string | URL | SqliteDatabase,
    options: SqliteStoreOptions = {},
  ) {
    this.#source = toSource(database);
    this.#settings = toSettings(options);
    if (typeof this.#source !== "string") {
      const watchers = watchersOf.get(this.#source) ?? this.#watchers;
      watchersOf.set(this.#source, watchers);
      this.#watchers = watchers;
    }
  }

  /** See {@linkcode JobStore.create}. */
  async create(tasks: readonly NewTask[]): Promise<string[]> {
    const { queue, tasks: table } = await this.#open();
    const now = () => this.#now();
    const { taken, change } = await queue.write(function* () {
      const change = new Change();
      const taken = yield* table.create(tasks, now(), change.add);
      return { taken, change };
    }, { durable: true });
    if (taken.length === 0) this.#tell(change);
    return taken;
  }

  /** See {@linkcode JobStore.nextRun}. */
  async nextRun(kinds: readonly string[]): Promise<NextRun> {
    const { queue, tasks } = await this.#open();
    const when = await queue.read(() => tasks.soonest(kinds));
    return {
      now: new Date(this.#now()),
      when: when === undefined ? undefined : new Date(when),
    };
  }

  /** See {@linkcode JobStore.lock}. */
  async lock(request: LockRequest): Promise<TaskRecord[]> {
    const { queue, tasks } = await this.#open();
    const kinds = await queue.read(() =>
      tasks.dueKinds(request.kinds, this.#now())
    );
    if (kinds.length === 0) return [];
    // After a power cut nobody is left to hold a claim: it may be undone.
    return await queue.write(
      () => tasks.lock({ ...request, kinds }, this.#now()),
      { durable: false },
    );
  }

  /** See {@linkcode JobStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]> {
    const { queue, tasks } = await this.#open();
    return await queue.write(
      () => tasks.renew(claims, Math.ceil(this.#now() + leaseMs)),
      { durable: false },
    );
  }

  /** See {@linkcode JobStore.reschedule}. */
  async reschedule(settlements: readonly Settlement[]): Promise<boolean[]> {
    const { queue, tasks } = await this.#open();
    const { effects, change } = await queue.write(function* () {
      const change = new Change();
      const effects = yield* tasks.reschedule(settlements, change.add);
      return { effects, change };
    }, { durable: true });
    this.#tell(change);
    return effects;
  }

  /** See {@linkcode JobStore.getSlugs}. */
  async getSlugs(): Promise<string[]> {
    const { queue, tasks } = await this.#open();
    return await queue.write(() => tasks.slugs(), { durable: false });
  }

  /** See {@linkcode JobStore.get}. */
  async get(slug: string): Promise<TaskRecord | undefined> {
    const { queue, tasks } = await this.#open();
    return await queue.read(() => tasks.get(slug));
  }

  /** See {@linkcode JobStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    const { queue, tasks } = await this.#open();
    return await queue.write(() => tasks.delete(slug), { durable: true });
  }

  /** See {@linkcode JobStore.clear}. */
  async clear(): Promise<void> {
    const { queue, tasks } = await this.#open();
    await queue.write(() => tasks.clear(), { durable: true });
  }

  /** See {@linkcode JobStore.watch}. */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    const connection = await this.#open();
    const watcher: Watcher = (change) => onChange(change);
    this.#watchers.add(watcher);
    this.#watches++;
    this.#fileWatch ??= this.#watchFile(connection);
    return {
      [Symbol.asyncDispose]: () => {
        if (this.#watchers.delete(watcher) && --this.#watches === 0) {
          this.#unwatchFile();
        }
        return Promise.resolve();
      },
    };
  }

  /**
   * Finishes what was begun, and closes the file if the store opened it. The
   * store cannot be used any more.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const connection = await this.#connection?.catch(() => undefined);
    this.#unwatchFile();
    await connection?.queue.idle();
    connection?.close();
    this.#connection = undefined;
  }

  /** Closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(): Promise<SqliteConnection> {
    if (this.#isClosed) {
      throw new StoreUnusableError(
        `Cannot use "${nameOf(this.#source)}": the store was closed`,
      );
    }
    const connection = this.#connection ??= openSqlite(
      this.#source,
      this.#settings,
    );
    try {
      return await connection;
    } catch (error) {
      // The next call may have more luck.
      if (this.#connection === connection) this.#connection = undefined;
      throw error;
    }
  }

  #watchFile(connection: SqliteConnection): SqliteFileWatch | undefined {
    if (!connection.isShared) return undefined;
    return new SqliteFileWatch({
      path: connection.writeAheadLog,
      readVersion: () => connection.readVersion(),
      onCommit: () => this.#tellAll({ when: undefined, kinds: undefined }),
    });
  }

  #unwatchFile(): void {
    this.#fileWatch?.[Symbol.dispose]();
    this.#fileWatch = undefined;
  }

  #tell({ when, kinds }: Change): void {
    if (kinds.size === 0) return;
    this.#tellAll({ when: new Date(when), kinds: [...kinds] });
  }

  #tellAll(change: StoreChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }

  /** The store's clock, in whole milliseconds. */
  #now(): number {
    return Math.floor(this.#settings.clock.now());
  }
}

/** Gathers what one operation made claimable. */
class Change {
  when = Infinity;
  readonly kinds = new Set<string>();

  readonly add = (kind: string, when: number): void => {
    this.when = Math.min(this.when, when);
    this.kinds.add(kind);
  };
}

function toSource(database: string | URL | SqliteDatabase) {
  if (database instanceof URL) return fileURLToPath(database);
  if (typeof database === "string" && database !== "") return database;
  if (
    typeof (database as SqliteDatabase)?.prepare === "function" &&
    typeof (database as SqliteDatabase).exec === "function"
  ) return database as SqliteDatabase;
  throw new TypeError(
    `Cannot use ${printable(database)} as a database: expected a path, a ` +
      'file: URL, ":memory:", or an open DatabaseSync',
  );
}

function toSettings(
  options: SqliteStoreOptions,
): Required<SqliteStoreOptions> {
  const {
    table = "schedules",
    synchronous = "full",
    busyTimeoutMs = 5_000,
    clock = systemClock,
  } = options;
  checkOptions("make a SqliteStore", options, [
    "table",
    "synchronous",
    "busyTimeoutMs",
    "clock",
  ]);
  checkClock("make a SqliteStore", clock);
  if (!/^(?!sqlite_)[a-z_][a-z0-9_]{0,62}$/i.test(table)) {
    throw new RangeError(
      `Cannot use "${table}" as a table: expected 1 to 63 letters, digits ` +
        'and "_", not beginning with a digit or with "sqlite_"',
    );
  }
  if (synchronous !== "full" && synchronous !== "normal") {
    throw new RangeError(
      `Cannot use synchronous "${synchronous}": expected "full" or "normal"`,
    );
  }
  checkDuration("busyTimeoutMs", busyTimeoutMs, { min: 0 });
  return { table, synchronous, busyTimeoutMs, clock };
}
