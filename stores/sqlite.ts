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
  CreateOutcome,
  FullStore,
  InstanceRecord,
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
import type { TaskDetails, TaskRecord } from "../src/api/task.ts";
import { copyBytes } from "../src/core/bytes.ts";
import { KindLimits } from "../src/core/lanes.ts";
import { checkOptions } from "../src/core/options.ts";
import { printable } from "../src/core/text.ts";
import { GatheredChange, Watchers } from "../src/core/watchers.ts";
import { checkClock, checkDuration } from "../src/core/validate.ts";
import {
  nameOf,
  openSqlite,
  type SqliteConnection,
} from "./sqlite/connection.ts";
import type { SqliteDatabase } from "./sqlite/database.ts";
import { SqliteFileWatch } from "./sqlite/file_watch.ts";
import { isLarge } from "./sqlite/large_creation.ts";
import { inOneStep } from "./sqlite/steps.ts";

export type {
  SqliteDatabase,
  SqliteStatement,
  SqliteValue,
} from "./sqlite/database.ts";

/** Options of {@linkcode SqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The name of the table: letters, digits and `_`. Two small tables beside it
   * have `_meta` and `_instances` behind the name.
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

/** How many tasks whose time has passed `nextRun` removes at most. */
const MAX_PRUNED = 1_000;
/** How many slugs are read at once. */
const SLUGS_PER_PAGE = 5_000;

/** Who hears of changes, for each database object: several stores may share one. */
const watchersOf = new WeakMap<SqliteDatabase, Watchers>();

/**
 * Keeps tasks in an SQLite database. Several processes on one machine may use
 * the same file; each hears at once what the others change.
 *
 * Given a path, the store opens the file when it is first used, in WAL mode, and
 * creates it if need be; it refuses files that belong to something else, and
 * `close` closes it. Given an open database, it adds its tables to what is
 * there, leaves all settings alone, and never closes it.
 *
 * Calls that fall together are committed together: one write to the disk serves
 * them all.
 *
 * More than 10,000 tasks, or 8 MiB of payloads, in one call are written in
 * steps, between which others can write. Those with `onConflict` `"error"` are
 * seen and claimed only when all of them are there; if the process dies before,
 * another takes them back a minute later. Those with another `onConflict` are
 * each created by itself.
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
export class SqliteStore implements FullStore, AsyncDisposable {
  /** 16 MiB: a payload is read whole whenever its task is claimed. */
  readonly maxPayloadBytes: number = 2 ** 24;
  /** Not there: the store has no transactions, as its type says. */
  declare readonly checkTransaction?: (transaction: never) => void;

  readonly #source: string | SqliteDatabase;
  readonly #settings: Required<SqliteStoreOptions>;
  #connection: Promise<SqliteConnection> | undefined;
  #watchers: Watchers = new Watchers();
  #watches = 0;
  #fileWatch: SqliteFileWatch | undefined;
  /** What takes several transactions. */
  readonly #unfinished: Unfinished = new Unfinished();
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

  /** See {@linkcode ClaimingStore.create}. */
  async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    tasks = tasks.map(copyTask);
    const { queue, creation, largeCreation } = await this.#open();
    const now = () => this.#now();
    if (isLarge(tasks)) {
      const change = new GatheredChange();
      const outcomes = await this.#unfinished.add(
        largeCreation.create(tasks, now, change),
      );
      this.#tell(change);
      return outcomes;
    }
    const { outcomes, change } = await queue.write(function* () {
      const change = new GatheredChange();
      const outcomes = yield* creation.create(tasks, now(), change);
      return { outcomes, change };
    }, { durable: true });
    if (!outcomes.includes("taken")) this.#tell(change);
    return outcomes;
  }

  /** See {@linkcode ClaimingStore.nextRun}. */
  async nextRun({ kinds, instance }: NextRunRequest): Promise<NextRun> {
    const noted = instance && { ...instance, kinds: [...instance.kinds] };
    const { queue, claims } = await this.#open();
    const isTidy = await this.#tidy(noted);
    const lanes = await queue.read(() => claims.lanes([...new Set(kinds)]));
    const now = this.#now();
    const soonest = lanes.reduce(
      (soonest, { claimableAt }) => Math.min(soonest, claimableAt),
      isTidy ? Infinity : now,
    );
    return {
      now: new Date(now),
      when: soonest === Infinity ? undefined : new Date(soonest),
    };
  }

  /** See {@linkcode ClaimingStore.lock}. */
  async lock(request: LockRequest): Promise<TaskRecord[]> {
    const { queue, claims } = await this.#open();
    const { kinds } = new KindLimits(request.kinds);
    const lanes = await queue.read(() => claims.lanes(kinds));
    const now = this.#now();
    if (!lanes.some(({ claimableAt }) => claimableAt <= now)) return [];
    // After a power cut nobody is left to hold a claim: it may be undone.
    return await queue.write(
      () => claims.lock(request, lanes, this.#now()),
      { durable: false },
    );
  }

  /** See {@linkcode ClaimingStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    const { queue, claims: table } = await this.#open();
    return await queue.write(
      () => table.renew(claims, Math.ceil(this.#now() + leaseMs)),
      { durable: false },
    );
  }

  /** See {@linkcode ClaimingStore.reschedule}. */
  async reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    settlements = settlements.map(copySettlement);
    const { queue, settlements: table } = await this.#open();
    const now = () => this.#now();
    const { outcomes, change } = await queue.write(function* () {
      const change = new GatheredChange();
      const outcomes = yield* table.reschedule(settlements, now(), change);
      return { outcomes, change };
    }, { durable: true });
    this.#tell(change);
    return outcomes;
  }

  /** See {@linkcode InspectingStore.getSlugs}. */
  async getSlugs(): Promise<string[]> {
    return await this.#unfinished.add(this.#readSlugs(await this.#open()));
  }

  async #readSlugs({ queue, tasks }: SqliteConnection): Promise<string[]> {
    const slugs: string[] = [];
    for (let after = "";;) {
      const page = await queue.read(() =>
        tasks.slugs(after, this.#now(), SLUGS_PER_PAGE)
      );
      for (const slug of page) slugs.push(slug);
      if (page.length < SLUGS_PER_PAGE) return slugs;
      after = page[page.length - 1];
    }
  }

  /** See {@linkcode InspectingStore.get}. */
  async get(slug: string): Promise<TaskDetails | undefined> {
    const { queue, tasks } = await this.#open();
    return await queue.read(() => tasks.get(slug, this.#now()));
  }

  /** See {@linkcode SteeringStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    const { queue, tasks } = await this.#open();
    return await queue.write(
      () => inOneStep(() => tasks.delete(slug, this.#now())),
      { durable: true },
    );
  }

  /** See {@linkcode SteeringStore.clear}. */
  async clear(): Promise<void> {
    const { queue, tasks } = await this.#open();
    await queue.write(() => inOneStep(() => tasks.clear()), { durable: true });
  }

  /** See {@linkcode InstanceStore.listInstances}. */
  async listInstances(): Promise<LivingInstance[]> {
    const { queue, instances } = await this.#open();
    return await queue.read(() => instances.list(this.#now()));
  }

  /** See {@linkcode InstanceStore.removeInstance}. */
  async removeInstance(id: string): Promise<void> {
    const { queue, instances } = await this.#open();
    await queue.write(() => inOneStep(() => instances.remove(id)), {
      durable: false,
    });
  }

  /** See {@linkcode ClaimingStore.watch}. */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    const connection = await this.#open();
    const end = this.#watchers.add(onChange);
    this.#watches++;
    this.#fileWatch ??= this.#watchFile(connection);
    return {
      [Symbol.asyncDispose]: () => {
        if (end() && --this.#watches === 0) {
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
    await this.#unfinished.end();
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

  /** Removes what has passed; returns whether nothing is left to be done. */
  async #tidy(instance: InstanceRecord | undefined): Promise<boolean> {
    const { queue, tasks, instances, largeCreation } = await this.#open();
    const now = () => this.#now();
    const hasPassed = await queue.read(() => tasks.hasPassed(now()));
    if (!hasPassed && instance === undefined) return true;
    return await queue.write(function* () {
      if (instance !== undefined) instances.note(instance, now());
      instances.removeDead(now());
      yield* tasks.prune(now(), MAX_PRUNED);
      return yield* largeCreation.recover(now());
    }, { durable: false });
  }

  #watchFile(connection: SqliteConnection): SqliteFileWatch | undefined {
    if (!connection.isShared) return undefined;
    return new SqliteFileWatch({
      path: connection.writeAheadLog,
      readVersion: () => connection.readVersion(),
      onCommit: () =>
        this.#watchers.tell({ when: undefined, kinds: undefined }),
    });
  }

  #unwatchFile(): void {
    this.#fileWatch?.[Symbol.dispose]();
    this.#fileWatch = undefined;
  }

  #tell({ change }: GatheredChange): void {
    if (change !== undefined) this.#watchers.tell(change);
  }

  /** The store's clock, in whole milliseconds. */
  #now(): number {
    return Math.floor(this.#settings.clock.now());
  }
}

/** Work that is under way. */
class Unfinished {
  readonly #work = new Set<Promise<unknown>>();

  async add<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    try {
      return await work;
    } finally {
      this.#work.delete(work);
    }
  }

  /** Resolves when nothing is under way. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#work);
  }
}

function copyTask(task: NewTask): NewTask {
  const { due, payload } = task;
  return {
    ...task,
    payload: copyBytes(payload),
    due: "at" in due ? { at: new Date(due.at) } : due,
  };
}

function copySettlement(settlement: Settlement): Settlement {
  const { next } = settlement;
  if (next === undefined) return settlement;
  const { when, scheduledFor, payload } = next;
  return {
    ...settlement,
    next: {
      ...next,
      when: new Date(when),
      scheduledFor: new Date(scheduledFor),
      payload: payload && copyBytes(payload),
    },
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
  checkOptions("make a SqliteStore", options, [
    "table",
    "synchronous",
    "busyTimeoutMs",
    "clock",
  ]);
  const {
    table = "schedules",
    synchronous = "full",
    busyTimeoutMs = 5_000,
    clock = systemClock,
  } = options;
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
