/**
 * A store in the memory of the process: for tests, for development, and for
 * tasks that may go when the process goes.
 *
 * @module
 */

import { type Clock, systemClock } from "../src/api/clock.ts";
import type {
  Claim,
  JobStore,
  LockRequest,
  NewTask,
  NextRun,
  NextState,
  Settlement,
  StoreChange,
} from "../src/api/job_store.ts";
import type { TaskRecord, TaskStatus } from "../src/api/task.ts";
import { copyBytes } from "../src/core/bytes.ts";
import { checkOptions } from "../src/core/options.ts";
import { checkClock } from "../src/core/validate.ts";
import { type HeapItem, MemoryHeap } from "./memory/heap.ts";

interface Entry extends HeapItem {
  readonly slug: string;
  readonly kind: string;
  readonly trigger: string | undefined;
  payload: Uint8Array;
  when: number;
  scheduledFor: number;
  version: number;
  retry: number;
  result: string;
  status: TaskStatus;
  /** Only while running. */
  leaseEnd: number;
}

/** Options of {@linkcode MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The clock that judges due times and leases.
   *
   * @default systemClock
   */
  readonly clock?: Clock | undefined;
}

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
export class MemoryStore implements JobStore {
  /** Memory is the only limit. */
  readonly maxPayloadBytes: number = Infinity;

  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** The claimable tasks of each kind, by the instant from which they are. */
  readonly #heaps = new Map<string, MemoryHeap<Entry>>();
  readonly #watchers = new Set<(change: StoreChange) => void>();
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

  /** See {@linkcode JobStore.create}. */
  create(tasks: readonly NewTask[]): Promise<string[]> {
    const taken = tasks
      .filter((task) =>
        task.onConflict === "error" && this.#entries.has(task.slug)
      )
      .map((task) => task.slug);
    if (taken.length > 0) return Promise.resolve(taken);

    const now = this.#clock.now();
    const changed = new Change();
    for (const task of tasks) {
      const old = this.#entries.get(task.slug);
      if (old !== undefined) {
        if (task.onConflict === "keep") continue;
        this.#remove(old);
      }
      const entry = this.#add(task, now);
      changed.add(entry.kind, entry.when);
    }
    this.#tell(changed);
    return Promise.resolve([]);
  }

  /** See {@linkcode JobStore.nextRun}. */
  nextRun(kinds: readonly string[]): Promise<NextRun> {
    const when = this.#soonest(kinds)?.firstKey ?? Infinity;
    return Promise.resolve({
      now: new Date(this.#clock.now()),
      when: when === Infinity ? undefined : new Date(when),
    });
  }

  /** See {@linkcode JobStore.lock}. */
  lock({ kinds, limit, leaseMs }: LockRequest): Promise<TaskRecord[]> {
    const now = this.#clock.now();
    const claimed: TaskRecord[] = [];
    while (claimed.length < limit) {
      const heap = this.#soonest(kinds);
      if (heap === undefined || heap.firstKey > now) break;
      const entry = heap.first!;
      entry.version++;
      entry.status = "running";
      this.#highestVersion = Math.max(this.#highestVersion, entry.version);
      this.#lease(entry, heap, now + leaseMs);
      claimed.push(toRecord(entry));
    }
    return Promise.resolve(claimed);
  }

  /** See {@linkcode JobStore.renew}. */
  renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]> {
    const leaseEnd = this.#clock.now() + leaseMs;
    return Promise.resolve(claims.map((claim) => {
      const entry = this.#held(claim);
      if (entry === undefined) return false;
      this.#lease(entry, this.#heapOf(entry.kind), leaseEnd);
      return true;
    }));
  }

  /** See {@linkcode JobStore.reschedule}. */
  reschedule(settlements: readonly Settlement[]): Promise<boolean[]> {
    const changed = new Change();
    const effects = settlements.map((settlement) => {
      const entry = this.#held(settlement);
      if (entry === undefined) return false;
      const { next } = settlement;
      if (next === undefined) {
        this.#remove(entry);
      } else {
        const { leaseEnd } = entry;
        this.#settle(entry, next);
        if (entry.status === "scheduled" && entry.when < leaseEnd) {
          changed.add(entry.kind, entry.when);
        }
      }
      return true;
    });
    this.#tell(changed);
    return Promise.resolve(effects);
  }

  /** See {@linkcode JobStore.getSlugs}. */
  getSlugs(): Promise<string[]> {
    return Promise.resolve([...this.#entries.keys()]);
  }

  /** See {@linkcode JobStore.get}. */
  get(slug: string): Promise<TaskRecord | undefined> {
    const entry = this.#entries.get(slug);
    return Promise.resolve(entry && toRecord(entry));
  }

  /** See {@linkcode JobStore.delete}. */
  delete(slug: string): Promise<boolean> {
    const entry = this.#entries.get(slug);
    if (entry !== undefined) this.#remove(entry);
    return Promise.resolve(entry !== undefined);
  }

  /** See {@linkcode JobStore.clear}. */
  clear(): Promise<void> {
    this.#entries.clear();
    this.#heaps.clear();
    return Promise.resolve();
  }

  /** See {@linkcode JobStore.watch}. */
  watch(onChange: (change: StoreChange) => void): Promise<AsyncDisposable> {
    const watcher = (change: StoreChange) => onChange(change);
    this.#watchers.add(watcher);
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        this.#watchers.delete(watcher);
        return Promise.resolve();
      },
    });
  }

  #add(task: NewTask, now: number): Entry {
    const { due } = task;
    const when = "at" in due ? due.at.getTime() : now + due.inMs;
    const entry: Entry = {
      slug: task.slug,
      kind: task.kind,
      trigger: task.trigger,
      payload: copyBytes(task.payload),
      when,
      scheduledFor: when,
      version: ++this.#highestVersion,
      retry: 0,
      result: "",
      status: "scheduled",
      leaseEnd: 0,
      order: this.#created++,
      position: -1,
    };
    this.#entries.set(entry.slug, entry);
    this.#heapOf(entry.kind).add(entry, when);
    return entry;
  }

  #settle(entry: Entry, next: NextState): void {
    entry.status = next.status;
    entry.when = next.when.getTime();
    entry.scheduledFor = next.scheduledFor.getTime();
    entry.retry = next.retry;
    entry.result = next.result;
    if (next.payload !== undefined) entry.payload = copyBytes(next.payload);
    const heap = this.#heapOf(entry.kind);
    if (next.status === "scheduled") heap.move(entry, entry.when);
    else heap.remove(entry);
  }

  #lease(entry: Entry, heap: MemoryHeap<Entry>, leaseEnd: number): void {
    entry.leaseEnd = leaseEnd;
    heap.move(entry, leaseEnd);
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.slug);
    if (entry.position >= 0) this.#heapOf(entry.kind).remove(entry);
  }

  /** The task that a claim still holds. */
  #held({ slug, version }: Claim): Entry | undefined {
    const entry = this.#entries.get(slug);
    return entry?.version === version && entry.status === "running"
      ? entry
      : undefined;
  }

  #heapOf(kind: string): MemoryHeap<Entry> {
    let heap = this.#heaps.get(kind);
    if (heap === undefined) {
      heap = new MemoryHeap();
      this.#heaps.set(kind, heap);
    }
    return heap;
  }

  /** The heap of these kinds whose first task comes soonest. */
  #soonest(kinds: readonly string[]): MemoryHeap<Entry> | undefined {
    let soonest: MemoryHeap<Entry> | undefined;
    for (const kind of kinds) {
      const heap = this.#heaps.get(kind);
      if (
        heap !== undefined && heap.firstKey < (soonest?.firstKey ?? Infinity)
      ) {
        soonest = heap;
      }
    }
    return soonest;
  }

  #tell(change: Change): void {
    if (change.kinds.size === 0) return;
    const when = new Date(change.when);
    const kinds = [...change.kinds];
    for (const watcher of this.#watchers) watcher({ when, kinds });
  }
}

/** Gathers what one operation changed. */
class Change {
  when = Infinity;
  readonly kinds = new Set<string>();

  add(kind: string, when: number): void {
    this.when = Math.min(this.when, when);
    this.kinds.add(kind);
  }
}

function toRecord(entry: Entry): TaskRecord {
  return {
    slug: entry.slug,
    kind: entry.kind,
    payload: copyBytes(entry.payload),
    trigger: entry.trigger,
    when: new Date(entry.when),
    scheduledFor: new Date(entry.scheduledFor),
    version: entry.version,
    retry: entry.retry,
    result: entry.result,
    status: entry.status,
    leaseEnd: entry.status === "running" ? new Date(entry.leaseEnd) : undefined,
  };
}
