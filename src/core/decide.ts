import type { Backoff } from "../api/backoff.ts";
import type { NextState } from "../api/job_store.ts";
import { type MisfirePolicy, nextFireTime } from "./misfire.ts";
import type { TaskRecord } from "../api/task.ts";
import type { Trigger } from "../api/trigger.ts";
import { printable, reasonText } from "./text.ts";
import { isStorable } from "./validate.ts";

/**
 * How a run ended.
 *
 * - `"done"`: the job finished; `payload` is the new one, if it changed.
 * - `"removed"`: the job returned `null`.
 * - `"failed"`: the job threw.
 * - `"skipped"`: too late to run at all.
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
  | { readonly type: "released" };

/** What a kind says about the runs of a task. */
export interface RunPolicy extends MisfirePolicy {
  /** The trigger of the task, or else of its kind. */
  readonly trigger: Trigger | undefined;
  /** When to retry. */
  readonly backoff: Backoff;
}

/** Whether a claimed task is too late to run, by the policy of its kind. */
export function isMissed(
  task: TaskRecord,
  policy: RunPolicy,
  now: Date,
): boolean {
  return policy.misfire === "skip" && policy.trigger !== undefined &&
    task.retry === 0 &&
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
  now: Date,
): NextState | undefined {
  switch (outcome.type) {
    case "removed":
      return undefined;
    case "released":
      return release(task);
    case "skipped":
      return carryOn(task, policy, now, task.result, undefined);
    case "done":
      return carryOn(task, policy, now, outcome.result, outcome.payload);
    case "failed":
      return retryOrGiveUp(task, outcome.message, policy, now);
  }
}

/** Puts a task back as it was before it was claimed. */
export function release(task: TaskRecord): NextState {
  return waiting(task, task.when, task.scheduledFor, task.retry);
}

function carryOn(
  task: TaskRecord,
  policy: RunPolicy,
  now: Date,
  result: string,
  payload: Uint8Array | undefined,
): NextState | undefined {
  try {
    const next = followingFireTime(task, policy, now);
    return next && { ...waiting(task, next, next, 0), result, payload };
  } catch (error) {
    return {
      ...parked(task, 0, `Trigger failed: ${reasonText(error)}`),
      payload,
    };
  }
}

function retryOrGiveUp(
  task: TaskRecord,
  message: string,
  policy: RunPolicy,
  now: Date,
): NextState {
  const retry = task.retry + 1;
  try {
    const again = policy.backoff.nextRetryTime(task.when, retry, now);
    if (again !== undefined) {
      const when = validRetryTime(again);
      return {
        ...waiting(task, when, task.scheduledFor, retry),
        result: message,
      };
    }
    const next = followingFireTime(task, policy, now);
    return next === undefined
      ? parked(task, retry, message)
      : { ...waiting(task, next, next, 0), result: message };
  } catch (error) {
    return parked(task, retry, `${message}\nNo next run: ${reasonText(error)}`);
  }
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
  return when;
}

function waiting(
  task: TaskRecord,
  when: Date,
  scheduledFor: Date,
  retry: number,
): NextState {
  return {
    status: "scheduled",
    when,
    scheduledFor,
    retry,
    result: task.result,
    payload: undefined,
  };
}

function parked(task: TaskRecord, retry: number, result: string): NextState {
  const { when, scheduledFor } = task;
  return {
    status: "failed",
    when,
    scheduledFor,
    retry,
    result,
    payload: undefined,
  };
}
