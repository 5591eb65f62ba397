import type { StoreTask } from "./task.ts";

/** What a run is told beside its task. */
export interface JobContext {
  /**
   * Aborts when the run should end: the deadline of `stop` has passed, or the
   * claim on the task was lost (the reason is then a `JobNotLockedError`).
   */
  readonly signal: AbortSignal;
  /** The fire time that this run is for; the same for each of its retries. */
  readonly scheduledFor: Date;
}

/**
 * What `execute` may return.
 *
 * - the task, possibly with a changed `payload` or `result`: keep the change
 *   and carry on as the trigger says
 * - nothing: carry on as the trigger says
 * - `null`: remove the task from the scheduler
 */
export type JobResult = StoreTask | null | undefined | void;

/**
 * Does the work. One job object runs all tasks of its kind, several at a time:
 * keep state in the task, not in the job.
 *
 * A throw is a failure: its message becomes the task's `result`, and the task
 * comes back at the time that the backoff says.
 *
 * @example A job in a few lines
 * ```ts
 * import type { Job } from "@x/scheduler";
 *
 * const greet: Job = {
 *   kind: "greet",
 *   execute(task) {
 *     console.log(`Hello, ${task.text()}`);
 *   },
 * };
 * ```
 */
export interface Job {
  /** Names the kind of work; a store finds tasks by it. */
  readonly kind: string;
  /** Runs once for each time that a task is due. */
  execute(
    task: StoreTask,
    context: JobContext,
  ): JobResult | Promise<JobResult>;
}
