import { JobCancelledError, JobNotLockedError } from "../api/errors.ts";
import type { JobContext } from "../api/job.ts";
import type { Claim } from "../api/job_store.ts";
import type { TaskRecord } from "../api/task.ts";

/** One claim of a task, from `lock` until the store knows how it ended. */
export class Run implements Claim {
  /** The task as it was claimed. */
  readonly task: TaskRecord;
  /** When the lease ends, on the monotonic clock. */
  leaseEndsAt: number;
  /** When the lease should be renewed, on the monotonic clock. */
  renewAt: number;
  /** Whether the job runs. */
  executing = true;
  /** When the job began, by the store's clock. */
  startedAt: Date | undefined;
  /** Why the outcome of the job does not count, if it does not. */
  ended: "lost" | "released" | undefined;
  /** Whether somebody had it ended. */
  cancelled = false;
  #abort: AbortController | undefined;
  #reason: Error | undefined;

  constructor(task: TaskRecord, leaseEndsAt: number, renewAt: number) {
    this.task = task;
    this.leaseEndsAt = leaseEndsAt;
    this.renewAt = renewAt;
  }

  get slug(): string {
    return this.task.slug;
  }

  get version(): number {
    return this.task.version;
  }

  get token(): number {
    return this.task.token!;
  }

  /** Whether the job was told to end. */
  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  /** Tells the job to end. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#abort?.abort(this.#reason);
  }

  /** Tells the job that its claim is gone. */
  lose(reason: string): void {
    this.ended = "lost";
    this.abort(new JobNotLockedError(this.slug, this.version, reason));
  }

  /** Tells the job that somebody wants it to end. */
  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.abort(new JobCancelledError(this.slug));
  }

  /** Made when first asked for: a run that never begins needs none. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }
}

/** What the job sees of its run. */
export function runContext(run: Run): JobContext {
  return {
    signal: run.signal,
    scheduledFor: new Date(run.task.scheduledFor),
  };
}
