import type { TaskRecord } from "./task.ts";

/** What to do when a task with the same slug is in the store. */
export type OnConflict = "error" | "keep" | "replace";

/** A task to be created. */
export interface NewTask {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** What the job works on. */
  readonly payload: Uint8Array;
  /** The task's own trigger in its stored form, if it has one. */
  readonly trigger: string | undefined;
  /** When it is due, by the store's clock: an instant, or so long from now. */
  readonly due: { readonly at: Date } | { readonly inMs: number };
  /**
   * What to do when the slug is taken. `"replace"` starts the task anew,
   * whatever its status; a process that runs it loses its claim.
   */
  readonly onConflict: OnConflict;
}

/** Asks for tasks to run. */
export interface LockRequest {
  /** Only tasks of these kinds. */
  readonly kinds: readonly string[];
  /** At most so many. */
  readonly limit: number;
  /** How long the claim holds unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
}

/** Names one claim: `version` is the fencing token that `lock` gave. */
export interface Claim {
  /** The slug of the claimed task. */
  readonly slug: string;
  /** The version that the claim gave the task. */
  readonly version: number;
}

/** The state into which a claim puts its task when it lets go of it. */
export interface NextState {
  /** `"failed"` parks the task: nothing claims it any more. */
  readonly status: "scheduled" | "failed";
  /** When it is due next, by the store's clock. */
  readonly when: Date;
  /** The fire time that this is for. */
  readonly scheduledFor: Date;
  /** How many runs in a row have failed. */
  readonly retry: number;
  /** What the run left. */
  readonly result: string;
  /** The new payload; `undefined`: as it was. */
  readonly payload: Uint8Array | undefined;
}

/** How a claim ends. */
export interface Settlement extends Claim {
  /** The next state of the task; `undefined`: the task is done and removed. */
  readonly next: NextState | undefined;
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
 * Keeps the tasks. Every operation is atomic, takes many tasks at once, and
 * judges time by the store's own clock, so that the clocks of processes may
 * differ. What can be lost in a race is a value, not an error; an operation
 * rejects only if the store cannot answer.
 *
 * A task is *claimable* from its `when` on while it is scheduled, from the end
 * of its lease on while it is running, and never while it is failed.
 *
 * A store takes the client that the user made and never closes what it did not
 * open. The suite in `@x/scheduler/testing` checks a store against all of this.
 *
 * @typeParam Transaction What `create` takes to join a transaction of the user.
 */
export interface JobStore<in Transaction = never> {
  /** How many bytes of payload the store takes. */
  readonly maxPayloadBytes: number;

  /**
   * Throws a `TypeError` if `create` could not join this transaction. A store
   * that knows no transactions has no such method, and the scheduler refuses
   * them in its place.
   */
  checkTransaction?(transaction: Transaction): void;

  /**
   * Adds tasks with `retry` 0 and an empty `result`; the slugs in one call
   * differ. If any with `onConflict` `"error"` is taken, nothing is created.
   *
   * @returns The slugs with `onConflict` `"error"` that were taken: none if all went well.
   */
  create(
    tasks: readonly NewTask[],
    transaction?: Transaction,
  ): Promise<string[]>;

  /** Finds out when the next task of these kinds can be claimed. */
  nextRun(kinds: readonly string[]): Promise<NextRun>;

  /**
   * Claims up to `limit` claimable tasks of these kinds, soonest first, and
   * gives each a new `version`, higher than any that its slug ever had, even
   * before a deletion. Concurrent callers get disjoint sets.
   *
   * @returns The tasks as they now are: running, with `leaseEnd`.
   */
  lock(request: LockRequest): Promise<TaskRecord[]>;

  /**
   * Makes leases end `leaseMs` from now, where the claim still holds: the
   * version is current and the task is running. A lease that ran out and that
   * nobody took over can be renewed.
   *
   * @returns For each claim, in order, whether it holds.
   */
  renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]>;

  /**
   * Ends claims that still hold (as for `renew`), and puts each task into its
   * next state. Sent again after its answer was lost, it changes nothing.
   *
   * @returns For each settlement, in order, whether it took effect.
   */
  reschedule(settlements: readonly Settlement[]): Promise<boolean[]>;

  /** The slugs of all tasks, in no particular order. */
  getSlugs(): Promise<string[]>;

  /** The task with this slug, if there is one. */
  get(slug: string): Promise<TaskRecord | undefined>;

  /** Removes a task, even while it runs. @returns Whether there was one. */
  delete(slug: string): Promise<boolean>;

  /** Removes all tasks, even those that run. */
  clear(): Promise<void>;

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
