import type { Backoff } from "../api/backoff.ts";
import type { NextState } from "../api/job_store.ts";
import type { RunOutcome, StoredError, TaskRecord } from "../api/task.ts";
import type { Trigger } from "../api/trigger.ts";
import { type MisfirePolicy, nextFireTime } from "./misfire.ts";
import { printable, reasonText, storableText } from "./text.ts";
import { isStorable } from "./validate.ts";

/**
 * How a run ended.
 *
 * - `"done"`: the job finished; `payload` is the new one, if it changed.
 * - `"removed"`: the job returned `null`.
 * - `"failed"`: the job threw.
 * - `"skipped"`: too late to run at all.
 * - `"cancelled"`: somebody had it ended.
 * - `"released"`: the run did not finish, through no fault of its own.
 */
export type Outcome =
  | {
    readonly type: "done";
    readonly payload: Uint8Array | undefined;
    readonly result: string;
  }
  | { readonly type: "removed" }
  | {
    readonly type: "failed";
    readonly message: string;
    /** What was thrown. */
    readonly error?: unknown;
  }
  | { readonly type: "skipped" }
  | { readonly type: "cancelled" }
  | { readonly type: "released" };

/** What a kind says about the runs of a task. */
export interface RunPolicy extends MisfirePolicy {
  /** The trigger of the task, or else of its kind. */
  readonly trigger: Trigger | undefined;
  /** When to retry. */
  readonly backoff: Backoff;
  /** For how long a task stays when it is done, unless it says so itself. */
  readonly keepMs: number;
  /** For how long a task stays that has failed for good, or was cancelled. */
  readonly keepFailedMs: number;
}

/** When a run began and ended, by the store's clock. */
export interface RunTimes {
  readonly startedAt: Date;
  readonly now: Date;
}

/** Whether a claimed task is too late to run, by the policy of its kind. */
export function isMissed(
  task: TaskRecord,
  policy: RunPolicy,
  now: Date,
): boolean {
  // A run that began in time, and whose process died, was not missed.
  return policy.misfire === "skip" && policy.trigger !== undefined &&
    task.retry === 0 && task.crashes === 0 &&
    now.getTime() - task.scheduledFor.getTime() > policy.misfireThresholdMs;
}

/**
 * What becomes of a task after a run: its next state, or `undefined` when it is
 * done for good. Pure: no I/O, no clock, no randomness of its own.
 */
export function decide(
  task: TaskRecord,
  outcome: Outcome,
  policy: RunPolicy,
  times: RunTimes,
): NextState | undefined {
  switch (outcome.type) {
    case "removed":
      return undefined;
    case "released":
      return release(task);
    case "skipped":
      return carryOn(task, policy, {
        ...ended(times, "skipped"),
        result: task.result,
      });
    case "done":
      return carryOn(task, policy, {
        ...ended(times, "succeeded"),
        lastError: null,
        result: outcome.result,
        payload: outcome.payload,
      });
    case "cancelled":
      return cancel(task, policy, times);
    case "failed":
      return retryOrGiveUp(task, outcome, policy, times);
  }
}

/** Puts a task back as it was before it was claimed. */
export function release(task: TaskRecord): NextState {
  const { when, scheduledFor, retry, crashes } = task;
  return stateOf(task, { when, scheduledFor, retry, crashes });
}

/** Parks a task whose next state the store cannot keep, with the reason. */
export function unstorable(
  task: TaskRecord,
  policy: RunPolicy,
  error: unknown,
  times: RunTimes,
): NextState {
  const message = `Cannot store the outcome: ${reasonText(error)}`;
  return parked(task, policy, {
    ...failed(times, { message: storableText(message), error }),
    retry: task.retry + 1,
  });
}

type Changes = Partial<NextState>;

/** Goes on at the next fire time; without one, the task is done. */
function carryOn(
  task: TaskRecord,
  policy: RunPolicy,
  changes: Changes & { readonly lastRun: NonNullable<NextState["lastRun"]> },
): NextState | undefined {
  const now = changes.lastRun.endedAt;
  try {
    const next = followingFireTime(task, policy, now);
    if (next !== undefined) {
      return stateOf(task, { ...changes, when: next, scheduledFor: next });
    }
    const keepMs = task.keepMs ?? policy.keepMs;
    return keepMs > 0
      ? stateOf(task, { ...changes, status: "done", keepMs })
      : undefined;
  } catch (error) {
    const result = storableText(`Trigger failed: ${reasonText(error)}`);
    return parked(task, policy, {
      ...changes,
      result,
      lastError: storedError({ message: result, error }, now),
    });
  }
}

function retryOrGiveUp(
  task: TaskRecord,
  failure: Failure,
  policy: RunPolicy,
  times: RunTimes,
): NextState {
  const retry = task.retry + 1;
  const changes = failed(times, failure);
  try {
    const again = policy.backoff.nextRetryTime(
      new Date(task.when),
      retry,
      new Date(times.now),
    );
    if (again !== undefined) {
      return stateOf(task, { ...changes, when: validRetryTime(again), retry });
    }
    const next = followingFireTime(task, policy, times.now);
    return next === undefined
      ? parked(task, policy, { ...changes, retry })
      : stateOf(task, { ...changes, when: next, scheduledFor: next });
  } catch (error) {
    const why = `${failure.message}\nNo next run: ${reasonText(error)}`;
    const result = storableText(why);
    return parked(task, policy, { ...changes, retry, result });
  }
}

/** A one-off stays as cancelled; a recurring task goes on. */
function cancel(
  task: TaskRecord,
  policy: RunPolicy,
  times: RunTimes,
): NextState {
  const changes = ended(times, "cancelled");
  if (policy.trigger !== undefined) {
    const next = carryOn(task, policy, { ...changes, result: task.result });
    if (next?.status === "scheduled") return next;
  }
  const { keepFailedMs: keepMs } = policy;
  return stateOf(task, { ...changes, status: "cancelled", keepMs });
}

function ended(
  { startedAt, now }: RunTimes,
  outcome: RunOutcome,
): { readonly lastRun: NonNullable<NextState["lastRun"]> } {
  return { lastRun: { startedAt, endedAt: now, outcome } };
}

interface Failure {
  readonly message: string;
  readonly error?: unknown;
}

function failed(times: RunTimes, failure: Failure): Changes {
  return {
    ...ended(times, "failed"),
    lastError: storedError(failure, times.now),
    result: failure.message,
  };
}

function followingFireTime(
  task: TaskRecord,
  policy: RunPolicy,
  now: Date,
): Date | undefined {
  return policy.trigger &&
    nextFireTime(policy.trigger, task.scheduledFor, now, policy);
}

function validRetryTime(when: Date): Date {
  if (!isStorable(when)) {
    throw new RangeError(
      `Cannot retry at ${printable(when)}: expected the backoff to return ` +
        "a Date before the year 10000, or undefined",
    );
  }
  return new Date(when);
}

/** A state that waits as before, but for the changes. */
function stateOf(task: TaskRecord, changes: Changes): NextState {
  return {
    status: "scheduled",
    when: task.when,
    scheduledFor: task.scheduledFor,
    retry: 0,
    crashes: 0,
    result: task.result,
    payload: undefined,
    lastRun: undefined,
    lastError: undefined,
    keepMs: Infinity,
    ...changes,
  };
}

function parked(
  task: TaskRecord,
  policy: RunPolicy,
  changes: Changes,
): NextState {
  return stateOf(task, {
    ...changes,
    status: "failed",
    keepMs: policy.keepFailedMs,
  });
}

/** No stack is longer, in UTF-16 code units. */
const MAX_STACK_LENGTH = 8_192;

function storedError({ message, error }: Failure, at: Date): StoredError {
  const { name, stack } = error instanceof Error ? error : new Error(message);
  const text = (value: unknown, fallback: string) =>
    storableText(typeof value === "string" ? value : fallback);
  return {
    name: text(name, "Error").slice(0, 255),
    message,
    stack: error instanceof Error
      ? text(stack, "").slice(0, MAX_STACK_LENGTH)
      : "",
    at,
  };
}
