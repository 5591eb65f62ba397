/**
 * A store in Google's Cloud Firestore, for tasks that many processes share.
 *
 * @module
 */

import { systemClock } from "../src/api/clock.ts";
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
import { checkDuration, checkMethods } from "../src/core/validate.ts";
import { FirestoreClaims } from "./firestore/claims.ts";
import type {
  FirestoreClient,
  FirestoreDocument,
  FirestoreQuery,
  FirestoreTransaction,
} from "./firestore/client.ts";
import { millis } from "./firestore/clock.ts";
import { FirestoreCreator } from "./firestore/creator.ts";
import { toRecord } from "./firestore/document.ts";
import { FirestoreListener } from "./firestore/listener.ts";
import {
  checkClient,
  checkCollection,
  checkShards,
} from "./firestore/options.ts";
import { FirestoreQueries } from "./firestore/queries.ts";
import { FirestoreRequests } from "./firestore/requests.ts";

export type {
  FirestoreBatch,
  FirestoreBulkWriter,
  FirestoreClient,
  FirestoreCollection,
  FirestoreDocument,
  FirestoreFields,
  FirestorePrecondition,
  FirestoreQuery,
  FirestoreReference,
  FirestoreResult,
  FirestoreTimestamp,
  FirestoreTransaction,
  FirestoreWriteResult,
} from "./firestore/client.ts";

/** Options of {@linkcode FirestoreStore}. */
export interface FirestoreStoreOptions {
  /**
   * The path of the collection that holds the tasks and nothing else: a name,
   * or a longer path such as `"tenants/acme/schedules"`.
   *
   * @default "schedules"
   */
  readonly collection?: string | undefined;
  /**
   * Over how many ranges of the index tasks are spread, from 1 to 30. One takes
   * about 500 changes a second. All processes that share a collection must
   * have the same number; raise it at will, but lower it only while the
   * collection is empty.
   *
   * @default 1
   */
  readonly shards?: number | undefined;
  /**
   * How long one request may take, in milliseconds, at least 100. An operation
   * that takes longer rejects; the client may still carry it out.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number | undefined;
}

/** How often in a row `lock` tries when others take what it reaches for. */
const MAX_ROUNDS = 5;
/** Reads up to so many times the limit, to choose from, while others are at it. */
const MAX_SPREAD = 3;
/** The first pause after others were faster, in milliseconds; then it doubles. */
const FIRST_PAUSE_MS = 10;
/** `clear` removes so many tasks in one request. */
const CLEAR_PAGE = 500;
/** `getSlugs` reads so many in one request. */
const SLUGS_PAGE = 5_000;

/**
 * Keeps tasks in a Firestore collection: one document per task, claimed by
 * compare-and-set, without transactions. Several processes may share it.
 *
 * Due times and leases are judged by Firestore's clock. A lease is given by an
 * estimate of it that is never ahead and behind by one round trip at most, so a
 * lease may end that much sooner than asked for, whatever the clocks of the
 * hosts say.
 *
 * `create` is atomic up to 500 tasks and 3 MiB. With more, what another process
 * creates in the meantime is found halfway, and what was created is taken back.
 * In a transaction of yours, call it before your own writes.
 *
 * It needs the indexes in `firestore.indexes.json`.
 *
 * @example With a project of yours
 * ```ts ignore
 * import { Firestore } from "@google-cloud/firestore";
 * import { StdScheduler } from "@x/scheduler";
 * import { FirestoreStore } from "@x/scheduler/stores/firestore";
 *
 * const firestore = new Firestore({ projectId: "my-project" });
 * await using scheduler = new StdScheduler(new FirestoreStore(firestore));
 * ```
 */
export class FirestoreStore implements JobStore<FirestoreTransaction> {
  /** A document takes 1 MiB; a quarter of it is kept for the other fields. */
  readonly maxPayloadBytes: number = 768 * 1_024;

  readonly #requests: FirestoreRequests;
  readonly #queries: FirestoreQueries;
  readonly #creator: FirestoreCreator;
  readonly #claims: FirestoreClaims;
  readonly #watchers = new Set<(change: StoreChange) => void>();
  #listener: FirestoreListener | undefined;
  /** How many times the limit `lock` reads: more than 1 while others are at it. */
  #spread = 1;

  /**
   * Takes a `Firestore` of `@google-cloud/firestore`, which remains yours to
   * terminate. Does no I/O yet.
   *
   * @throws {TypeError | RangeError} If an option makes no sense.
   */
  constructor(client: FirestoreClient, options: FirestoreStoreOptions = {}) {
    const { collection = "schedules", shards = 1, timeoutMs = 10_000 } =
      options;
    checkOptions("make a FirestoreStore", options, [
      "collection",
      "shards",
      "timeoutMs",
    ]);
    checkClient(client);
    checkCollection(collection);
    checkShards(shards);
    checkDuration("timeoutMs", timeoutMs, { min: 100 });
    this.#requests = new FirestoreRequests(client, collection, timeoutMs);
    this.#queries = new FirestoreQueries(this.#requests.collection, shards);
    this.#creator = new FirestoreCreator(this.#requests, shards);
    this.#claims = new FirestoreClaims(this.#requests);
  }

  /**
   * See {@linkcode JobStore.checkTransaction}: takes what
   * `firestore.runTransaction` gives to its callback.
   */
  checkTransaction(transaction: FirestoreTransaction): void {
    checkMethods("schedule in a transaction", "a transaction", transaction, [
      "getAll",
      "create",
      "set",
    ]);
  }

  /** See {@linkcode JobStore.create}. */
  async create(
    tasks: readonly NewTask[],
    transaction?: FirestoreTransaction,
  ): Promise<string[]> {
    if (transaction !== undefined) {
      return await this.#creator.createWithin(transaction, tasks);
    }
    const { taken, created } = await this.#creator.create(tasks);
    for (const change of created) this.#tell(change);
    return taken;
  }

  /** See {@linkcode JobStore.nextRun}. */
  async nextRun(kinds: readonly string[]): Promise<NextRun> {
    if (kinds.length === 0) {
      return { now: new Date(await this.#requests.now()), when: undefined };
    }
    const { documents } = await this.#find(this.#queries.soonest(kinds));
    return {
      now: new Date(this.#requests.clock.now()),
      when: documents.length === 0
        ? undefined
        : new Date(claimableAt(documents[0])),
    };
  }

  /** See {@linkcode JobStore.lock}. */
  async lock(request: LockRequest): Promise<TaskRecord[]> {
    const tasks: TaskRecord[] = [];
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const wanted = request.limit - tasks.length;
      try {
        const { taken, contended } = await this.#lockSome(request, wanted);
        tasks.push(...taken);
        if (!contended || taken.length === wanted) break;
      } catch (error) {
        if (tasks.length === 0) throw error;
        // What was claimed already must not be lost.
        break;
      }
      await systemClock.sleep(Math.random() * FIRST_PAUSE_MS * 2 ** round);
    }
    return tasks;
  }

  /** See {@linkcode JobStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]> {
    await this.#requests.now();
    return await this.#claims.renew(claims, leaseMs);
  }

  /** See {@linkcode JobStore.reschedule}. */
  async reschedule(settlements: readonly Settlement[]): Promise<boolean[]> {
    const changes = settlements.map((settlement) =>
      this.#claims.changeBy(settlement)
    );
    const effects = await this.#claims.settle(settlements);
    changes.forEach((change, index) => {
      if (change !== undefined && effects[index]) this.#tell(change);
    });
    return effects;
  }

  /** See {@linkcode JobStore.getSlugs}. Reads every task. */
  async getSlugs(): Promise<string[]> {
    const slugs: string[] = [];
    for await (const documents of this.#pages(SLUGS_PAGE, "slug")) {
      for (const document of documents) slugs.push(document.data()!.slug);
    }
    return slugs;
  }

  /** See {@linkcode JobStore.get}. */
  async get(slug: string): Promise<TaskRecord | undefined> {
    const document = await this.#requests.get(this.#requests.ref(slug));
    return document.exists ? toRecord(document) : undefined;
  }

  /** See {@linkcode JobStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    return await this.#requests.delete(this.#requests.ref(slug));
  }

  /**
   * See {@linkcode JobStore.clear}. Reads every task and removes
   * 500 at a time; what is created meanwhile may stay.
   */
  async clear(): Promise<void> {
    for await (const documents of this.#pages(CLEAR_PAGE)) {
      await this.#requests.commit((batch) => {
        for (const { ref } of documents) batch.delete(ref);
      });
    }
  }

  /** See {@linkcode JobStore.watch}. */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    const watcher = (change: StoreChange) => onChange(change);
    this.#watchers.add(watcher);
    try {
      this.#listener ??= new FirestoreListener(
        this.#requests,
        this.#queries,
        (change) => this.#tell(change),
      );
      await this.#listener.start();
    } catch (error) {
      await this.#unwatch(watcher);
      throw error;
    }
    return { [Symbol.asyncDispose]: () => this.#unwatch(watcher) };
  }

  async #unwatch(watcher: (change: StoreChange) => void): Promise<void> {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.end();
  }

  #tell(change: StoreChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }

  /** Claims once; `contended`: others were faster with some. */
  async #lockSome({ kinds, leaseMs }: LockRequest, wanted: number) {
    const { clock } = this.#requests;
    const { documents, readAt } = await this.#find(this.#queries.claimable(
      kinds,
      new Date(clock.latest()),
      wanted * this.#spread,
    ));
    const due = documents.filter((one) => claimableAt(one) <= readAt);
    const chosen = this.#spread === 1
      ? due.slice(0, wanted)
      : choose(due, wanted);
    const taken = await this.#claims.take(chosen, leaseMs);
    const contended = taken.length < chosen.length;
    this.#spread = contended
      ? Math.min(this.#spread + 1, MAX_SPREAD)
      : Math.max(this.#spread - 1, 1);
    return { taken, contended };
  }

  /** What queries find together, soonest first. */
  async #find(queries: readonly FirestoreQuery[]) {
    const results = await Promise.all(
      queries.map((query) => this.#requests.query(query)),
    );
    return {
      documents: results.flatMap(({ docs }) => docs)
        .sort((a, b) => claimableAt(a) - claimableAt(b)),
      readAt: Math.min(...results.map(({ readTime }) => millis(readTime))),
    };
  }

  async *#pages(
    size: number,
    ...fields: string[]
  ): AsyncGenerator<readonly FirestoreDocument[]> {
    const query = this.#queries.page(size, ...fields);
    let { docs } = await this.#requests.query(query);
    while (docs.length > 0) {
      yield docs;
      if (docs.length < size) return;
      ({ docs } = await this.#requests.query(query.startAfter(docs.at(-1)!)));
    }
  }
}

function claimableAt(document: FirestoreDocument): number {
  return millis(document.data()!.claimableAt);
}

/** Some of the items at random, in their order. */
function choose<T>(items: readonly T[], count: number): T[] {
  const chosen: T[] = [];
  items.forEach((item, index) => {
    const missing = count - chosen.length;
    if (Math.random() * (items.length - index) < missing) chosen.push(item);
  });
  return chosen;
}
