/**
 * A store in Google's Cloud Firestore, for tasks that many processes share.
 *
 * @module
 */

import { systemClock } from "../src/api/clock.ts";
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
import type { TaskDetails, TaskRecord } from "../src/api/task.ts";
import { copyBytes } from "../src/core/bytes.ts";
import { KindLimits } from "../src/core/lanes.ts";
import { GrowingPause } from "../src/core/growing_pause.ts";
import { checkOptions } from "../src/core/options.ts";
import { Watchers } from "../src/core/watchers.ts";
import { checkDuration, checkMethods } from "../src/core/validate.ts";
import { FirestoreClaims } from "./firestore/claims.ts";
import type {
  FirestoreClient,
  FirestoreDocument,
  FirestoreTransaction,
} from "./firestore/client.ts";
import { FirestoreCreator } from "./firestore/creator.ts";
import { claimableAt, isGone, toDetails } from "./firestore/document.ts";
import { FirestoreFinder } from "./firestore/finder.ts";
import { FirestoreInstances } from "./firestore/instances.ts";
import { FirestoreListener } from "./firestore/listener.ts";
import {
  checkClient,
  checkCollection,
  checkShards,
} from "./firestore/options.ts";
import { FirestoreQueries } from "./firestore/queries.ts";
import { FirestoreRequests } from "./firestore/requests.ts";
import { FirestoreSchema } from "./firestore/schema.ts";
import { FirestoreSweeper } from "./firestore/sweeper.ts";
import { inTurn } from "./firestore/turns.ts";

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
/** The pauses after others were faster, at most. */
const CONTENDED = { firstMs: 10, longestMs: 160 };
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
export class FirestoreStore implements FullStore<FirestoreTransaction> {
  /** A document takes 1 MiB; a quarter of it is kept for the other fields. */
  readonly maxPayloadBytes: number = 768 * 1_024;

  readonly #requests: FirestoreRequests;
  readonly #schema: FirestoreSchema;
  readonly #queries: FirestoreQueries;
  readonly #creator: FirestoreCreator;
  readonly #finder: FirestoreFinder;
  readonly #claims: FirestoreClaims;
  readonly #instances: FirestoreInstances;
  readonly #sweeper: FirestoreSweeper;
  readonly #watchers = new Watchers();
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
    checkOptions("make a FirestoreStore", options, [
      "collection",
      "shards",
      "timeoutMs",
    ]);
    const { collection = "schedules", shards = 1, timeoutMs = 10_000 } =
      options;
    checkClient(client);
    checkCollection(collection);
    checkShards(shards);
    checkDuration("timeoutMs", timeoutMs, { min: 100 });
    const requests = new FirestoreRequests(client, collection, timeoutMs);
    this.#requests = requests;
    this.#schema = new FirestoreSchema(requests);
    this.#queries = new FirestoreQueries(requests.collection, shards);
    this.#creator = new FirestoreCreator(requests, this.#schema, shards);
    this.#finder = new FirestoreFinder(requests, this.#queries);
    this.#claims = new FirestoreClaims(requests);
    this.#instances = new FirestoreInstances(requests);
    this.#sweeper = new FirestoreSweeper(
      requests,
      this.#queries,
      this.#instances,
    );
  }

  /**
   * See {@linkcode ClaimingStore.checkTransaction}: takes what
   * `firestore.runTransaction` gives to its callback.
   */
  checkTransaction(transaction: FirestoreTransaction): void {
    checkMethods("schedule in a transaction", "a transaction", transaction, [
      "getAll",
      "create",
      "set",
    ]);
  }

  /** See {@linkcode ClaimingStore.create}. */
  async create(
    tasks: readonly NewTask[],
    transaction?: FirestoreTransaction,
  ): Promise<CreateOutcome[]> {
    for (const { priority } of tasks) this.#finder.notice(priority);
    if (transaction !== undefined) {
      return await this.#creator.createWithin(transaction, tasks);
    }
    const { outcomes, changes } = await this.#creator.create(tasks);
    for (const change of changes) this.#watchers.tell(change);
    return outcomes;
  }

  /** See {@linkcode ClaimingStore.nextRun}. */
  async nextRun({ kinds, instance }: NextRunRequest): Promise<NextRun> {
    await this.#schema.now();
    const [when] = await Promise.all([
      this.#soonest(kinds),
      instance && this.#instances.beat(instance),
      this.#sweeper.sweep(),
    ]);
    return {
      now: new Date(this.#requests.clock.now()),
      when: when === Infinity ? undefined : new Date(when),
    };
  }

  /** See {@linkcode ClaimingStore.lock}. */
  async lock(request: LockRequest): Promise<TaskRecord[]> {
    await this.#schema.ready();
    const limits = new KindLimits(request.kinds);
    const tasks: TaskRecord[] = [];
    const pause = new GrowingPause(CONTENDED);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const wanted = request.limit - tasks.length;
      const maxBytes = request.maxBytes - bytesOf(tasks);
      if (wanted <= 0 || (tasks.length > 0 && maxBytes <= 0)) break;
      let isContended: boolean;
      try {
        const { taken, contended } = await this.#lockSome(
          { ...request, limit: wanted, maxBytes },
          limits,
          tasks.length === 0,
        );
        for (const { kind } of taken) limits.take(kind, 1);
        tasks.push(...taken);
        isContended = contended;
      } catch (error) {
        if (tasks.length === 0) throw error;
        // What was claimed already must not be lost.
        break;
      }
      if (!isContended || tasks.length === request.limit) break;
      await systemClock.sleep(Math.random() * pause.next());
    }
    return tasks;
  }

  /** See {@linkcode ClaimingStore.renew}. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    await this.#schema.now();
    return await this.#claims.renew(claims, leaseMs);
  }

  /** See {@linkcode ClaimingStore.reschedule}. */
  async reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    const copies = settlements.map(copyOf);
    await this.#schema.now();
    const { outcomes, changes } = await this.#claims.settle(copies);
    for (const change of changes) this.#watchers.tell(change);
    if (copies.some(({ next }) => next !== undefined && isKept(next))) {
      this.#sweeper.expect();
    }
    return outcomes;
  }

  /** See {@linkcode InspectingStore.getSlugs}. Reads every task. */
  async getSlugs(): Promise<string[]> {
    const now = await this.#schema.now();
    const slugs: string[] = [];
    const fields = ["slug", "status", "keepUntil"];
    for await (const documents of this.#pages(SLUGS_PAGE, ...fields)) {
      for (const document of documents) {
        const fields = document.data()!;
        if (!isGone(fields, now)) slugs.push(fields.slug);
      }
    }
    return slugs;
  }

  /** See {@linkcode InspectingStore.get}. */
  async get(slug: string): Promise<TaskDetails | undefined> {
    const now = await this.#schema.now();
    const document = await this.#requests.get(this.#requests.ref(slug));
    return document.exists && !isGone(document.data()!, now)
      ? toDetails(document)
      : undefined;
  }

  /** See {@linkcode SteeringStore.delete}. */
  async delete(slug: string): Promise<boolean> {
    await this.#schema.ready();
    return await this.#requests.delete(this.#requests.ref(slug));
  }

  /**
   * See {@linkcode SteeringStore.clear}. Reads every task and removes
   * 500 at a time; what is created meanwhile may stay.
   */
  async clear(): Promise<void> {
    await this.#schema.ready();
    for await (const documents of this.#pages(CLEAR_PAGE)) {
      await this.#requests.commit((batch) => {
        for (const { ref } of documents) batch.delete(ref);
      });
    }
  }

  /** See {@linkcode InstanceStore.listInstances}. */
  async listInstances(): Promise<LivingInstance[]> {
    await this.#schema.now();
    return await this.#instances.list();
  }

  /** See {@linkcode InstanceStore.removeInstance}. */
  async removeInstance(id: string): Promise<void> {
    await this.#schema.ready();
    await this.#instances.remove(id);
  }

  /** See {@linkcode ClaimingStore.watch}. */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    const end = this.#watchers.add(onChange);
    try {
      this.#listener ??= new FirestoreListener(
        this.#requests,
        this.#schema,
        this.#queries,
        (change, priority) => {
          this.#finder.notice(priority);
          this.#watchers.tell(change);
        },
      );
      await this.#listener.start();
    } catch (error) {
      await this.#unwatch(end);
      throw error;
    }
    return { [Symbol.asyncDispose]: () => this.#unwatch(end) };
  }

  async #unwatch(end: () => boolean): Promise<void> {
    end();
    if (this.#watchers.size > 0) return;
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.end();
  }

  /** Claims once; `contended`: others were faster with some. */
  async #lockSome(request: LockRequest, limits: KindLimits, isFirst: boolean) {
    const { kinds } = limits;
    const count = request.limit;
    const { documents, readAt } = await this.#finder
      .find({ kinds, limits, count: count * this.#spread });
    const chosen = inTurn(
      documents,
      { kinds, limits, count },
      readAt,
      this.#spread === 1 ? firstOf : someOf,
    );
    const { taken, contended } = await this.#claims.take(
      withinBytes(chosen, request.maxBytes, isFirst),
      request,
    );
    this.#spread = contended
      ? Math.min(this.#spread + 1, MAX_SPREAD)
      : Math.max(this.#spread - 1, 1);
    return { taken, contended };
  }

  /** When the first task of these kinds can be claimed. */
  async #soonest(kinds: readonly string[]): Promise<number> {
    const answers = await Promise.all(
      this.#queries.soonest([...new Set(kinds)])
        .map((query) => this.#requests.query(query)),
    );
    return Math.min(...answers.flatMap(({ docs }) => docs.map(claimableAt)));
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

/** Copies what the caller may change while it waits. */
function copyOf({ slug, version, token, next }: Settlement): Settlement {
  const claim = { slug, version, token };
  if (next === undefined) return { ...claim, next };
  const { when, scheduledFor, payload, lastRun, lastError } = next;
  return {
    ...claim,
    next: {
      ...next,
      when: new Date(when),
      scheduledFor: new Date(scheduledFor),
      payload: payload && copyBytes(payload),
      lastRun: lastRun && {
        startedAt: new Date(lastRun.startedAt),
        endedAt: new Date(lastRun.endedAt),
        outcome: lastRun.outcome,
      },
      lastError: lastError && { ...lastError, at: new Date(lastError.at) },
    },
  };
}

/** Whether a task stays for some time once it has ended. */
function isKept({ status, keepMs }: NonNullable<Settlement["next"]>): boolean {
  return status !== "scheduled" && keepMs !== Infinity;
}

function bytesOf(tasks: readonly TaskRecord[]): number {
  return tasks.reduce((bytes, { payload }) => bytes + payload.length, 0);
}

/** As many of the documents as their payloads allow. */
function withinBytes(
  documents: readonly FirestoreDocument[],
  maxBytes: number,
  isFirst: boolean,
): FirestoreDocument[] {
  let left = maxBytes;
  const end = documents.findIndex((document, index) => {
    left -= document.data()!.payload.length;
    return left < 0 && !(isFirst && index === 0);
  });
  return documents.slice(0, end === -1 ? undefined : end);
}

function firstOf<T>(items: readonly T[], count: number): T[] {
  return items.slice(0, count);
}

/** Some of the items at random, in their order. */
function someOf<T>(items: readonly T[], count: number): T[] {
  const chosen: T[] = [];
  items.forEach((item, index) => {
    const missing = count - chosen.length;
    if (Math.random() * (items.length - index) < missing) chosen.push(item);
  });
  return chosen;
}
