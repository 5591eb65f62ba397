import { deepStrictEqual as equal } from "node:assert/strict";
import type { Clock } from "../../src/api/clock.ts";
import type {
  ClaimingStore,
  CreateOutcome,
  JobStore,
  LockRequest,
  NewTask,
  NextState,
  Settlement,
  StoreFacets,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";

/** The facets that a store may have beside claiming. */
export type FacetName = keyof StoreFacets;

/**
 * A store with nothing in it, made for one case of the suite.
 *
 * @typeParam Store The facets that the case needs.
 */
export interface StoreHarness<Store extends ClaimingStore = JobStore>
  extends AsyncDisposable {
  /** The store to test. */
  readonly store: Store;
  /**
   * The clock for the schedulers of the suite: the one of the store, if it can
   * be stepped.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
  /**
   * Lets time pass on the store's clock. A store on a database may as well move
   * all instants that it has stored into the past, of tasks and of instances.
   */
  elapse(ms: number): Promise<void>;
  /** Another store on the same tasks, as another process would have it. */
  another(): Promise<Store>;
  /**
   * How long a watch may take to tell of a change, in milliseconds.
   *
   * @default 10_000
   */
  readonly patienceMs?: number;
}

/** Disposes of a resource when the case has ended. */
export type Use = <Resource extends AsyncDisposable>(
  resource: Resource,
) => Resource;

/** One case of the suite, for stores with the facets that it needs. */
export interface Case<Store extends ClaimingStore> {
  /** What it shows. */
  readonly name: string;
  /** Throws if the store fails. */
  run(harness: StoreHarness<Store>, use: Use): Promise<void>;
}

/** The lease that cases ask for, in milliseconds. */
export const LEASE_MS = 60_000;

/** A task that is due at once. */
export function newTask(slug: string, fields: Partial<NewTask> = {}): NewTask {
  return {
    slug,
    kind: "work",
    payload: new Uint8Array(),
    trigger: undefined,
    due: { inMs: 0 },
    onConflict: "error",
    ...fields,
  };
}

/** Creates tasks, and expects the same outcome for each. */
export async function createAll(
  store: ClaimingStore,
  tasks: readonly NewTask[],
  outcome: CreateOutcome = "created",
): Promise<void> {
  equal(await store.create(tasks), tasks.map(() => outcome));
}

/** Creates tasks that are due at once. */
export async function createDue(
  store: ClaimingStore,
  ...slugs: string[]
): Promise<void> {
  await createAll(store, slugs.map((slug) => newTask(slug)));
}

/** So many milliseconds after what the store's clock shows. */
export async function fromNow(
  store: ClaimingStore,
  ms: number,
): Promise<Date> {
  const { now } = await store.nextRun({ kinds: [] });
  return new Date(now.getTime() + ms);
}

/** When the store says that the next task of the kind "work" can be claimed. */
export async function nextWork(
  store: ClaimingStore,
): Promise<Date | undefined> {
  return (await store.nextRun({ kinds: ["work"] })).when;
}

let tokens = 0;

/** A token that no call had; as large as they come, for stores that round. */
export function newToken(): number {
  return Number.MAX_SAFE_INTEGER - tokens++;
}

/** Asks for up to 10 tasks of the kind "work". */
export function lockRequest(fields: Partial<LockRequest> = {}): LockRequest {
  return {
    kinds: [{ kind: "work" }],
    limit: 10,
    maxBytes: 2 ** 26,
    leaseMs: LEASE_MS,
    holder: "the holder",
    token: newToken(),
    ...fields,
  };
}

/** Claims up to `limit` tasks of the kind "work". */
export function lockWork(
  store: ClaimingStore,
  limit = 10,
): Promise<TaskRecord[]> {
  return store.lock(lockRequest({ limit }));
}

/** Claims up to `limit` tasks of these kinds; returns their slugs. */
export async function lockKinds(
  store: ClaimingStore,
  kinds: readonly string[],
  limit: number,
): Promise<string[]> {
  return slugsOf(
    await store.lock(
      lockRequest({ kinds: kinds.map((kind) => ({ kind })), limit }),
    ),
  );
}

/** Claims until there is nothing more to claim, as a scheduler does. */
export async function lockAll(
  store: ClaimingStore,
  fields: Partial<LockRequest> = {},
): Promise<TaskRecord[]> {
  const claimed: TaskRecord[] = [];
  for (;;) {
    const tasks = await store.lock(lockRequest({ limit: 100, ...fields }));
    if (tasks.length === 0) return claimed;
    claimed.push(...tasks);
  }
}

/** Claims one task of the kind "work", which has to be this one. */
export async function lockOne(
  store: ClaimingStore,
  slug: string,
): Promise<TaskRecord> {
  const tasks = await lockWork(store, 1);
  equal(slugsOf(tasks), [slug]);
  return tasks[0];
}

/** Creates one task and claims it. */
export async function lockNew(
  store: ClaimingStore,
  slug: string,
  fields: Partial<NewTask> = {},
): Promise<TaskRecord> {
  await createAll(store, [newTask(slug, fields)]);
  return lockOne(store, slug);
}

/** Names the claim by which a task is held. */
export function claimOf({ slug, version, token }: TaskRecord) {
  return { slug, version, token: token! };
}

/** Settles a task: removed, unless `next` says otherwise. */
export function settlement(
  task: TaskRecord,
  next?: Partial<NextState>,
): Settlement {
  const { when, scheduledFor, retry, crashes, result } = task;
  return {
    ...claimOf(task),
    next: next && {
      status: "scheduled",
      when,
      scheduledFor,
      retry,
      crashes,
      result,
      payload: undefined,
      lastRun: undefined,
      lastError: undefined,
      keepMs: Infinity,
      ...next,
    },
  };
}

/** Settles one task, and expects that to take effect. */
export async function settle(
  store: ClaimingStore,
  task: TaskRecord,
  next?: Partial<NextState>,
): Promise<void> {
  equal(await store.reschedule([settlement(task, next)]), ["settled"]);
}

/** Fails unless the claim on the task is worth nothing. */
export async function expectLost(
  store: ClaimingStore,
  task: TaskRecord,
): Promise<void> {
  equal(await store.renew([claimOf(task)], LEASE_MS), ["lost"]);
  equal(await store.reschedule([settlement(task)]), ["lost"]);
  equal(await store.reschedule([settlement(task, {})]), ["lost"]);
}

/** Fails unless the claim on the task holds. */
export async function expectHeld(
  store: ClaimingStore,
  task: TaskRecord,
): Promise<void> {
  equal(await store.renew([claimOf(task)], LEASE_MS), ["held"]);
}

/** The slugs of tasks, in their order. */
export function slugsOf(tasks: readonly { slug: string }[]): string[] {
  return tasks.map((task) => task.slug);
}

/** The task with this slug, which has to be among them. */
export function pick(tasks: readonly TaskRecord[], slug: string): TaskRecord {
  const task = tasks.find((task) => task.slug === slug);
  equal(task?.slug, slug);
  return task!;
}

/** The fields that a claim hands out. */
export function recordOf(task: TaskRecord): TaskRecord {
  return {
    slug: task.slug,
    kind: task.kind,
    payload: task.payload,
    trigger: task.trigger,
    when: task.when,
    scheduledFor: task.scheduledFor,
    version: task.version,
    token: task.token,
    retry: task.retry,
    crashes: task.crashes,
    priority: task.priority,
    key: task.key,
    revision: task.revision,
    keepMs: task.keepMs,
    result: task.result,
    status: task.status,
    leaseEnd: task.leaseEnd,
  };
}
