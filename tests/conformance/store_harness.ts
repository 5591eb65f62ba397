import { deepStrictEqual as equal } from "node:assert/strict";
import type { Clock } from "../../src/api/clock.ts";
import type {
  JobStore,
  NewTask,
  NextState,
  Settlement,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";

/** A store with nothing in it, made for one case of the suite. */
export interface StoreHarness extends AsyncDisposable {
  /** The store to test. */
  readonly store: JobStore;
  /**
   * The clock for the schedulers of the suite: the one of the store, if it can
   * be stepped.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
  /**
   * Lets time pass on the store's clock. A store on a database may as well move
   * all instants that it has stored into the past.
   */
  elapse(ms: number): Promise<void>;
  /** Another store on the same tasks, as another process would have it. */
  another(): Promise<JobStore>;
}

/** Disposes of a resource when the case has ended. */
export type Use = <Resource extends AsyncDisposable>(
  resource: Resource,
) => Resource;

/** One case of the suite. */
export interface Case {
  /** What it shows. */
  readonly name: string;
  /** Throws if the store fails. */
  run(harness: StoreHarness, use: Use): Promise<void>;
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

/** Creates tasks that are due at once. */
export async function createDue(
  store: JobStore,
  ...slugs: string[]
): Promise<void> {
  equal(await store.create(slugs.map((slug) => newTask(slug))), []);
}

/** Claims up to `limit` tasks of the kind "work". */
export function lockWork(store: JobStore, limit = 10): Promise<TaskRecord[]> {
  return store.lock({ kinds: ["work"], limit, leaseMs: LEASE_MS });
}

/** Creates one task and claims it. */
export async function lockNew(
  store: JobStore,
  slug: string,
): Promise<TaskRecord> {
  await createDue(store, slug);
  const [task] = await lockWork(store);
  equal(task?.slug, slug);
  return task;
}

/** Settles a task: removed, unless `next` says otherwise. */
export function settlement(
  task: TaskRecord,
  next?: Partial<NextState>,
): Settlement {
  const { slug, version, when, scheduledFor, retry, result } = task;
  return {
    slug,
    version,
    next: next && {
      status: "scheduled",
      when,
      scheduledFor,
      retry,
      result,
      payload: undefined,
      ...next,
    },
  };
}

/** The slugs of tasks, in their order. */
export function slugsOf(tasks: readonly { slug: string }[]): string[] {
  return tasks.map((task) => task.slug);
}
