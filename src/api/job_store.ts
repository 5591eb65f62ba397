/**
 * What a store of tasks promises. A **task** is what a slug names; a **job** is
 * the code of a kind. To **claim** a task is `lock`, to **settle** it is
 * `reschedule`; a **run** is one claim of a task. A claim is a **lease**: it
 * ends unless it is renewed. `version` and `token` are its **fence**: a holder
 * that is out of date can change nothing.
 *
 * The contract comes in facets. Claiming is what every store has; a store may
 * leave the others out, and the scheduler says so when one of them is asked for.
 *
 * @module
 */

import type {
  LastRun,
  StoredError,
  TaskDetails,
  TaskRecord,
  TaskStatus,
} from "./task.ts";

/**
 * What to do when a task with the same slug is in the store.
 *
 * - `"error"`: throw, and add nothing.
 * - `"keep"`: leave the old task as it is.
 * - `"replace"`: start the task anew, whatever its status; a process that runs
 *   it loses its claim.
 * - `"rerun"`: have the old task run once more: if it waits, at the sooner of
 *   both due times; if it runs, once more right after; if it has ended, anew.
 */
export type OnConflict = "error" | "keep" | "replace" | "rerun";

/** A task to be created. */
export interface NewTask {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** What the job works on. */
  readonly payload: Uint8Array;
  /**
   * The task's own trigger in its stored form; `undefined`: that of its kind;
   * `"null"`: none, whatever its kind has.
   */
  readonly trigger: string | undefined;
  /** When it is due, by the store's clock: an instant, or so long from now. */
  readonly due: { readonly at: Date } | { readonly inMs: number };
  /** What to do when the slug is taken. */
  readonly onConflict: OnConflict;
  /**
   * From 1 (first) to 4.
   *
   * @default 3
   */
  readonly priority?: number | undefined;
  /**
   * Groups tasks of a kind, for limits.
   *
   * @default undefined
   */
  readonly key?: string | undefined;
  /**
   * For how long the task stays when it is done, in milliseconds.
   *
   * @default undefined: as its kind says
   */
  readonly keepMs?: number | undefined;
  /**
   * Who declared the task, and what, for telling whether that has changed.
   *
   * @default undefined
   */
  readonly declared?: { readonly owner: string; readonly hash: string };
}

/**
 * What became of a task that was to be created.
 *
 * - `"created"`, `"kept"`, `"replaced"`: as the words say.
 * - `"merged"`: the old task runs once more, or sooner (`"rerun"`).
 * - `"taken"`: its slug is taken, so nothing was created at all.
 * - `"withheld"`: not created, because another of the call was taken.
 */
export type CreateOutcome =
  | "created"
  | "kept"
  | "replaced"
  | "merged"
  | "taken"
  | "withheld";

/** A kind whose tasks are asked for. */
export interface KindRequest {
  /** The kind. */
  readonly kind: string;
  /** At most so many of it; `undefined`: as many as of all. */
  readonly limit?: number | undefined;
}

/** Asks for tasks to run. */
export interface LockRequest {
  /**
   * Only tasks of these kinds. Kinds of equal priority take turns, in this
   * order; one that is named twice counts once.
   */
  readonly kinds: readonly KindRequest[];
  /** At most so many. */
  readonly limit: number;
  /**
   * At most so many bytes of payload in all; the first task is given whatever
   * its size.
   */
  readonly maxBytes: number;
  /** How long the claim holds unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
  /** The instance that claims: the `id` of its {@linkcode InstanceRecord}. */
  readonly holder: string;
  /** A random integer from 1 to 2⁵³ − 1, of this call alone. */
  readonly token: number;
}

/** Names one claim: the slug, and its fence. */
export interface Claim {
  /** The slug of the claimed task. */
  readonly slug: string;
  /** The version that the claim gave the task. */
  readonly version: number;
  /** The token with which it was claimed. */
  readonly token: number;
}

/**
 * Whether a claim still holds.
 *
 * - `"held"`: it does, and its lease was renewed.
 * - `"cancelled"`: the same, and the run should end.
 * - `"lost"`: it does not.
 * - `"busy"`: somebody has the task locked at the moment; not renewed.
 */
export type Renewal = "held" | "cancelled" | "lost" | "busy";

/** The state into which a claim puts its task when it lets go of it. */
export interface NextState {
  /** Nothing claims a task that is not `"scheduled"`. */
  readonly status: Exclude<TaskStatus, "running">;
  /** When it is due next, by the store's clock. */
  readonly when: Date;
  /** The fire time that this is for. */
  readonly scheduledFor: Date;
  /** How many runs in a row have failed. */
  readonly retry: number;
  /** How often in a row its holder died. */
  readonly crashes: number;
  /** What the run left. */
  readonly result: string;
  /** The new payload; `undefined`: as it was. */
  readonly payload: Uint8Array | undefined;
  /** The run that has ended; `undefined`: none has, as it is handed back. */
  readonly lastRun: LastRun | undefined;
  /** What it threw; `null`: nothing is wrong any more; `undefined`: as before. */
  readonly lastError: StoredError | null | undefined;
  /**
   * For how long the task stays if its status is not `"scheduled"`, in
   * milliseconds from now; `Infinity`: until somebody removes it.
   */
  readonly keepMs: number;
}

/** How a claim ends. */
export interface Settlement extends Claim {
  /**
   * The next state of the task; `undefined`: it is done and removed. A rerun
   * that was asked for meanwhile takes precedence: the task then waits for it.
   */
  readonly next: NextState | undefined;
}

/**
 * What became of a settlement.
 *
 * - `"settled"`: it took effect.
 * - `"lost"`: the claim does not hold.
 * - `"busy"`: somebody has the task locked at the moment; nothing has changed.
 * - an error: the store can never take this state.
 */
export type SettleOutcome =
  | "settled"
  | "lost"
  | "busy"
  | { readonly error: Error };

/** Asks when the next task can be claimed. */
export interface NextRunRequest {
  /** Only tasks of these kinds. */
  readonly kinds: readonly string[];
  /**
   * What to note of the instance that asks; `undefined`: nothing. Stores
   * without the facet {@linkcode InstanceStore} pass over it.
   */
  readonly instance?: InstanceRecord | undefined;
}

/** When to look again. */
export interface NextRun {
  /** The store's clock at the moment of the answer. */
  readonly now: Date;
  /**
   * The soonest instant at which a task can be claimed: the due time of one
   * that waits, or the end of a lease. `undefined`: there is none.
   */
  readonly when: Date | undefined;
}

/** Tells that tasks may have become claimable sooner than known. */
export interface StoreChange {
  /** The soonest of them, by the store's clock; `undefined`: not known. */
  readonly when: Date | undefined;
  /** Their kinds; `undefined`: not known. */
  readonly kinds: readonly string[] | undefined;
}

/**
 * Hands out tasks and takes them back: the facet that every store has.
 *
 * Every operation is atomic for each task, takes many tasks at once, and judges
 * time by the store's own clock, so that the clocks of processes may differ.
 * What can be lost in a race is a value, not an error; an operation rejects only
 * if the store cannot answer.
 *
 * A task is *claimable* from its `when` on while it is scheduled and open, from
 * the end of its lease on while it is running, and never otherwise.
 *
 * A store takes the client that the user made and never closes what it did not
 * open. The suite in `@x/scheduler/testing` checks a store against all of this.
 *
 * @typeParam Transaction What `create` takes to join a transaction of the user.
 */
export interface ClaimingStore<in Transaction = never> {
  /** How many bytes of payload the store takes. */
  readonly maxPayloadBytes: number;

  /**
   * Throws a `TypeError` if `create` could not join this transaction. A store
   * without transactions has no such method, and the scheduler refuses them in
   * its place; it declares the property as
   * `declare readonly checkTransaction?: (transaction: never) => void`, so that
   * the types refuse them as well.
   */
  // A property, not a method: only so do the types tell such stores apart.
  readonly checkTransaction?: ((transaction: Transaction) => void) | undefined;

  /**
   * Adds tasks with `retry` 0 and an empty `result`; the slugs in one call
   * differ. If any with `onConflict` `"error"` is taken, nothing is created. A
   * task that has ended, and whose time to stay has passed, takes no slug.
   *
   * @returns What became of each task, in order.
   */
  create(
    tasks: readonly NewTask[],
    transaction?: Transaction,
  ): Promise<CreateOutcome[]>;

  /**
   * Finds out when the next task of these kinds can be claimed; notes that the
   * instance lives; removes some tasks whose time to stay has passed.
   */
  nextRun(request: NextRunRequest): Promise<NextRun>;

  /**
   * Claims claimable tasks. Each gets a new `version`, higher than any that its
   * slug ever had, even before a deletion, and at least the store's clock in
   * microseconds since 1970. `crashes` grows by one if its last holder did not
   * settle it. Concurrent callers get disjoint sets.
   *
   * Kinds and priorities form lanes; each lane is taken soonest first. The
   * priority of a lane is that of its tasks, less one for each minute that the
   * first of any lane with the same priority is overdue, but 1 at least. Lanes
   * of the lowest priority go first; those of the same one take turns, in the
   * order of the kinds in the request.
   *
   * @returns The tasks as they now are: running, with `leaseEnd`, in the order
   *   in which they are to begin. Fewer than `limit` does not mean that no more
   *   are due.
   */
  lock(request: LockRequest): Promise<TaskRecord[]>;

  /**
   * Makes leases end `leaseMs` from now, where the claim still holds: version
   * and token are current and the task is running. A lease that ran out and
   * that nobody took over can be renewed. Waits for nobody.
   *
   * @returns For each claim, in order, whether it holds.
   */
  renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]>;

  /**
   * Ends claims that still hold (as for `renew`), and puts each task into its
   * next state. Sent again after its answer was lost, it changes nothing. Waits
   * for nobody.
   *
   * @returns For each settlement, in order, what became of it.
   */
  reschedule(settlements: readonly Settlement[]): Promise<SettleOutcome[]>;

  /**
   * Calls `onChange` when tasks may have become claimable sooner than `nextRun`
   * told: created, or settled with a due time before the end of their lease, by
   * this process or another. It may be called too often; a call that gets lost
   * costs punctuality only. Never calls after disposal.
   *
   * @returns Ends the watch when it is disposed of.
   */
  watch(onChange: (change: StoreChange) => void): Promise<AsyncDisposable>;
}

/** Shows tasks. */
export interface InspectingStore {
  /** The slugs of all tasks, in no particular order. */
  getSlugs(): Promise<string[]>;

  /** The task with this slug, if there is one. */
  get(slug: string): Promise<TaskDetails | undefined>;
}

/** Changes tasks from outside. */
export interface SteeringStore {
  /** Removes a task, even while it runs. @returns Whether there was one. */
  delete(slug: string): Promise<boolean>;

  /** Removes all tasks, even those that run. */
  clear(): Promise<void>;
}

/** A process that takes part, or one of several schedulers in it. */
export interface InstanceRecord {
  /** Unique among all that ever took part. */
  readonly id: string;
  /** What people call it, such as the name of its host. */
  readonly name: string;
  /** The kinds that it runs. */
  readonly kinds: readonly string[];
  /** How many jobs it runs at once. */
  readonly slots: number;
  /** The version of this library. */
  readonly library: string;
  /** The version of the app, if it says. */
  readonly app: string | undefined;
  /** When it started, by the store's clock. */
  readonly startedAt: Date;
  /** Whether it has announced that it stops: its claims do not mean a crash. */
  readonly stopping: boolean;
  /** It counts as dead when it was not heard of for so long, in milliseconds. */
  readonly timeoutMs: number;
}

/** An instance, and when it was heard of last. */
export interface LivingInstance extends InstanceRecord {
  /** By the store's clock. */
  readonly seenAt: Date;
}

/** Knows who takes part. Records are written by `nextRun`. */
export interface InstanceStore {
  /** The instances that live, in the order of their ids; the dead are not shown. */
  listInstances(): Promise<LivingInstance[]>;

  /** Removes the record of an instance that has stopped. */
  removeInstance(id: string): Promise<void>;
}

/** The names of the facets, and what they consist of. */
export interface StoreFacets {
  /** See {@linkcode InspectingStore}. */
  readonly inspecting: InspectingStore;
  /** See {@linkcode SteeringStore}. */
  readonly steering: SteeringStore;
  /** See {@linkcode InstanceStore}. */
  readonly instances: InstanceStore;
}

/**
 * A store of tasks: it claims, and may have further facets.
 *
 * @typeParam Transaction What `create` takes to join a transaction of the user.
 */
export interface JobStore<in Transaction = never>
  extends
    ClaimingStore<Transaction>,
    Partial<InspectingStore>,
    Partial<SteeringStore>,
    Partial<InstanceStore> {}

/**
 * A store with all facets, as those of this package are.
 *
 * @typeParam Transaction What `create` takes to join a transaction of the user.
 */
export interface FullStore<in Transaction = never>
  extends
    ClaimingStore<Transaction>,
    InspectingStore,
    SteeringStore,
    InstanceStore {}
