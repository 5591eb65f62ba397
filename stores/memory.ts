/**
 * A store in the memory of the process: for tests, for development, and for
 * tasks that may go when the process goes.
 *
 * @module
 */

import { type Clock, systemClock } from "../src/api/clock.ts";
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
  NextState,
  Renewal,
  Settlement,
  SettleOutcome,
  StoreChange,
} from "../src/api/job_store.ts";
import type { TaskDetails, TaskRecord } from "../src/api/task.ts";
import { copyBytes } from "../src/core/bytes.ts";
import {
  classesOf,
  dealOut,
  KindLimits,
  type Share,
} from "../src/core/lanes.ts";
import { checkOptions } from "../src/core/options.ts";
import { checkClock } from "../src/core/validate.ts";
import { GatheredChange, Watchers } from "../src/core/watchers.ts";
import {
  copyOfError,
  copyOfRun,
  type Entry,
  hasEnded,
  newEntry,
  setRare,
  toDetails,
  toRecord,
} from "./memory/entry.ts";
import { MemoryHeap } from "./memory/heap.ts";
import { type MemoryLane, MemoryLanes } from "./memory/lanes.ts";

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The clock that judges due times and leases.
   *
   * @default systemClock
   */
  readonly clock?: Clock | undefined;
}

/** How many tasks whose time has passed `nextRun` removes at most. */
const MAX_PRUNED = 100;

/**
 * Keeps tasks in memory, as strictly as a database would: what goes in and out
 * is copied, claims are leases, and stale versions are refused. Several
 * schedulers may share one. Every operation takes O(log n) per task.
 *
 * @example A store of one's own
 * ```ts
 * import { StdScheduler } from "@x/scheduler";
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 * import { assertEquals } from "@std/assert";
 *
 * await using scheduler = new StdScheduler(new MemoryStore());
 * await scheduler.scheduleJob("hello", "print", { payload: "Hello" });
 * assertEquals(await scheduler.getJobSlugs(), ["hello"]);
 * ```
 */
export class MemoryStore implements FullStore {
  /** Memory is the only limit. */
  readonly maxPayloadBytes: number = Infinity;
  /** Not there: the store has no transactions, as its type says. */
  declare readonly checkTransaction?: (transaction: never) => void;

  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #lanes = new MemoryLanes();
  /** Tasks that have ended, by the instant until which they stay. */
  readonly #ended = new MemoryHeap<Entry>();
  readonly #instances = new Map<string, LivingInstance>();
  readonly #watchers = new Watchers();
  /** No version that was ever issued is higher. */
  #highestVersion = 0;
  #created = 0;

  /**
   * Makes an empty store.
   *
   * @throws {TypeError} If an option makes no sense.
   */
  constructor(options: MemoryStoreOptions = {}) {
    const action = "make a MemoryStore";
    checkOptions(action, options, ["clock"]);
    const { clock = systemClock } = options;
    checkClock(action, clock);
    this.#clock = clock;
  }

  /** See {@linkcode ClaimingStore.create}. */
  create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    const now = this.#clock.now();
    const isTaken = (task: NewTask) =>
      task.onConflict === "error" && this.#find(task.slug, now) !== undefined;
    if (tasks.some(isTaken)) {
      return Promise.resolve(
        tasks.map((task) => isTaken(task) ? "taken" : "withheld"),
      );
    }
    const changed = new GatheredChange();
    const outcomes = tasks.map((task) => this.#create(task, now, changed));
    this.#tell(changed);
    return Promise.resolve(outcomes);
  }

  /** See {@linkcode ClaimingStore.nextRun}. */
  nextRun({ kinds, instance }: NextRunRequest): Promise<NextRun> {
    const now = this.#clock.now();
    for (
      let left = MAX_PRUNED;
      left > 0 && this.#ended.firstKey <= now;
      left--
    ) {
      this.#remove(this.#ended.first!);
    }
    if (instance !== undefined) this.#note(instance, now);
    const when = this.#lanes.soonest(kinds);
    return Promise.resolve({
      now: new Date(now),
      when: when === Infinity ? undefined : new Date(when),
    });
  }

  /** See {@linkcode ClaimingStore.lock}. */
  lock(request: LockRequest): Promise<TaskRecord[]> {
    const now = this.#clock.now();
    const limits = new KindLimits(request.kinds);
    const lanes = this.#lanes.ofKinds(limits.kinds);
    const shares = dealOut(classesOf(lanes, now), request.limit, limits);
    const claimed: TaskRecord[] = [];
    let bytesLeft = request.maxBytes;
    for (const lane of inTurn(shares, now)) {
      const entry = lane.heap.first!;
      const size = entry.payload.length;
      if (size > bytesLeft && claimed.length > 0) break;
      bytesLeft -= size;
      this.#claim(entry, lane, request, now);
      claimed.push(toRecord(entry));
    }
    return Promise.resolve(claimed);
  }

  /** See {@linkcode ClaimingStore.renew}. */
  renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    const leaseEnd = this.#clock.now() + leaseMs;
    return Promise.resolve(claims.map((claim) => {
      const entry = this.#held(claim);
      if (entry === undefined) return "lost";
      entry.claim = { ...entry.claim!, leaseEnd };
      this.#lanes.of(entry).heap.move(entry, leaseEnd);
      return "held";
    }));
  }

  /** See {@linkcode ClaimingStore.reschedule}. */
  reschedule(settlements: readonly Settlement[]): Promise<SettleOutcome[]> {
    const now = this.#clock.now();
    const changed = new GatheredChange();
    const outcomes = settlements.map((settlement): SettleOutcome => {
      const entry = this.#held(settlement);
      if (entry === undefined) return "lost";
      const { leaseEnd } = entry.claim!;
      this.#settle(entry, settlement.next, now);
      if (entry.status === "scheduled" && entry.when < leaseEnd) {
        changed.add(entry.kind, entry.when);
      }
      return "settled";
    });
    this.#tell(changed);
    return Promise.resolve(outcomes);
  }

  /** See {@linkcode InspectingStore.getSlugs}. */
  getSlugs(): Promise<string[]> {
    const now = this.#clock.now();
    while (this.#ended.firstKey <= now) this.#remove(this.#ended.first!);
    return Promise.resolve([...this.#entries.keys()]);
  }

  /** See {@linkcode InspectingStore.get}. */
  get(slug: string): Promise<TaskDetails | undefined> {
    const entry = this.#find(slug, this.#clock.now());
    return Promise.resolve(entry && toDetails(entry));
  }

  /** See {@linkcode SteeringStore.delete}. */
  delete(slug: string): Promise<boolean> {
    const entry = this.#find(slug, this.#clock.now());
    if (entry !== undefined) this.#remove(entry);
    return Promise.resolve(entry !== undefined);
  }

  /** See {@linkcode SteeringStore.clear}. */
  clear(): Promise<void> {
    for (const entry of this.#entries.values()) this.#remove(entry);
    return Promise.resolve();
  }

  /** See {@linkcode InstanceStore.listInstances}. */
  listInstances(): Promise<LivingInstance[]> {
    this.#forgetDead(this.#clock.now());
    return Promise.resolve(
      [...this.#instances.values()]
        .sort((a, b) => a.id < b.id ? -1 : 1)
        .map(copyOfInstance),
    );
  }

  /** See {@linkcode InstanceStore.removeInstance}. */
  removeInstance(id: string): Promise<void> {
    this.#instances.delete(id);
    return Promise.resolve();
  }

  /** See {@linkcode ClaimingStore.watch}. */
  watch(onChange: (change: StoreChange) => void): Promise<AsyncDisposable> {
    const end = this.#watchers.add(onChange);
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        end();
        return Promise.resolve();
      },
    });
  }

  #create(task: NewTask, now: number, changed: GatheredChange): CreateOutcome {
    const { due, onConflict } = task;
    const when = "at" in due ? due.at.getTime() : now + due.inMs;
    const old = this.#find(task.slug, now);
    if (old !== undefined && onConflict === "keep") return "kept";
    if (old?.status === "running" && onConflict === "rerun") {
      const { rerunAt = Infinity } = old.rare;
      setRare(old, { rerunAt: Math.min(rerunAt, when) });
      return "merged";
    }
    if (old?.status === "scheduled" && onConflict === "rerun") {
      if (when < old.when) {
        old.when = old.scheduledFor = when;
        this.#lanes.of(old).heap.move(old, when);
        changed.add(old.kind, when);
      }
      return "merged";
    }
    if (old !== undefined) this.#remove(old);
    const { createdAt = now } = old ?? {};
    const revision = old?.rare.revision ?? 0;
    const entry = newEntry(task, when, this.#created++, {
      revision: onConflict === "replace" && old ? revision + 1 : revision,
      createdAt: onConflict === "rerun" ? createdAt : now,
    });
    this.#add(entry, now);
    changed.add(task.kind, when);
    if (old === undefined) return "created";
    return onConflict === "rerun" ? "merged" : "replaced";
  }

  #add(entry: Entry, now: number): void {
    entry.version = this.#newVersion(now);
    this.#entries.set(entry.slug, entry);
    this.#lanes.of(entry).heap.add(entry, entry.when);
  }

  #claim(
    entry: Entry,
    lane: MemoryLane,
    { token, holder, leaseMs }: LockRequest,
    now: number,
  ): void {
    if (entry.status === "running") {
      setRare(entry, { crashes: entry.rare.crashes + 1 });
    }
    entry.version = this.#newVersion(now);
    entry.status = "running";
    const leaseEnd = now + leaseMs;
    entry.claim = { token, holder, since: now, leaseEnd };
    lane.heap.move(entry, leaseEnd);
  }

  #settle(entry: Entry, next: NextState | undefined, now: number): void {
    const { rerunAt } = entry.rare;
    if (next !== undefined) this.#apply(entry, next, now);
    entry.claim = undefined;
    setRare(entry, { rerunAt: undefined });
    if (rerunAt !== undefined && next?.status !== "scheduled") {
      entry.status = "scheduled";
      entry.when = entry.scheduledFor = rerunAt;
      entry.retry = 0;
      if (next === undefined) setRare(entry, { crashes: 0 });
    } else if (next === undefined) {
      return this.#remove(entry);
    } else if (rerunAt !== undefined && rerunAt < entry.when) {
      entry.when = entry.scheduledFor = rerunAt;
    }
    const { heap } = this.#lanes.of(entry);
    if (entry.status === "scheduled") return heap.move(entry, entry.when);
    heap.remove(entry);
    const { keepUntil } = entry.rare;
    if (keepUntil <= now) this.#remove(entry);
    else if (keepUntil < Infinity) this.#ended.add(entry, keepUntil);
  }

  #apply(entry: Entry, next: NextState, now: number): void {
    entry.status = next.status;
    entry.when = next.when.getTime();
    entry.scheduledFor = next.scheduledFor.getTime();
    entry.retry = next.retry;
    entry.result = next.result;
    if (next.payload !== undefined) entry.payload = copyBytes(next.payload);
    const { lastRun = entry.rare.lastRun, lastError } = next;
    setRare(entry, {
      crashes: next.crashes,
      keepUntil: now + next.keepMs,
      lastRun: lastRun && copyOfRun(lastRun),
      lastError: lastError === undefined
        ? entry.rare.lastError
        : lastError === null
        ? undefined
        : copyOfError(lastError),
    });
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.slug);
    if (entry.position < 0) return;
    (hasEnded(entry) ? this.#ended : this.#lanes.of(entry).heap).remove(entry);
  }

  /** The task with this slug; one whose time to stay has passed is removed. */
  #find(slug: string, now: number): Entry | undefined {
    const entry = this.#entries.get(slug);
    if (entry === undefined) return undefined;
    if (!hasEnded(entry) || entry.rare.keepUntil > now) return entry;
    this.#remove(entry);
  }

  /** The task that a claim still holds. */
  #held({ slug, version, token }: Claim): Entry | undefined {
    const entry = this.#entries.get(slug);
    return entry?.version === version && entry.claim?.token === token
      ? entry
      : undefined;
  }

  #newVersion(now: number): number {
    return this.#highestVersion = Math.max(
      this.#highestVersion + 1,
      Math.floor(now * 1_000),
    );
  }

  #note(instance: InstanceRecord, now: number): void {
    const noted = copyOfInstance({ ...instance, seenAt: new Date(now) });
    this.#instances.set(instance.id, noted);
    this.#forgetDead(now);
  }

  #forgetDead(now: number): void {
    for (const { id, seenAt, timeoutMs } of this.#instances.values()) {
      if (seenAt.getTime() + timeoutMs <= now) this.#instances.delete(id);
    }
  }

  #tell({ change }: GatheredChange): void {
    if (change !== undefined) this.#watchers.tell(change);
  }
}

function copyOfInstance(instance: LivingInstance): LivingInstance {
  return {
    ...instance,
    kinds: [...instance.kinds],
    startedAt: new Date(instance.startedAt),
    seenAt: new Date(instance.seenAt),
  };
}

/** The lanes in the order in which their first tasks are to be claimed. */
function* inTurn(
  classes: readonly (readonly Share<MemoryLane>[])[],
  now: number,
): Generator<MemoryLane> {
  for (const shares of classes) {
    let open = shares;
    for (let turn = 1; open.length > 0; turn++) {
      for (const { lane } of open) yield lane;
      open = open.filter(({ lane, count }) =>
        count > turn && lane.claimableAt <= now
      );
    }
  }
}
