import type { Job } from "./job.ts";
import type { OnConflict } from "./job_store.ts";
import type { RegisterJobOptions } from "../runtime/registry.ts";
import type { JsonValue, TaskStatus } from "./task.ts";
import type { Trigger } from "./trigger.ts";

/** Options of `scheduleJob`. */
export interface ScheduleJobOptions<Transaction = never> {
  /**
   * Makes the first run due so long from now, in milliseconds, by the store's
   * clock. Not together with `when`.
   *
   * @default the trigger's first fire time, or now if there is no trigger
   */
  readonly delayMs?: number;
  /**
   * Makes the first run due at this instant; one in the past is due at once.
   * Not together with `delayMs`.
   *
   * @default the trigger's first fire time, or now if there is no trigger
   */
  readonly when?: Date;
  /**
   * What the job works on: bytes as they are, a string as UTF-8, anything else
   * as JSON.
   *
   * @default no bytes
   */
  readonly payload?: Uint8Array | string | JsonValue;
  /**
   * Makes the task recur. It is stored with the task, so it survives a restart:
   * a `CronTrigger` or a `SimpleTrigger`.
   *
   * @default the trigger of the kind, if it was registered with one
   */
  readonly trigger?: Trigger;
  /**
   * What to do when the slug is taken: throw, keep the old task, or replace it.
   *
   * @default "error"
   */
  readonly onConflict?: OnConflict;
  /**
   * A transaction of yours that the task becomes part of; stores that know
   * transactions say what they take.
   *
   * @default undefined
   */
  readonly transaction?: Transaction;
}

/** One entry of `scheduleJobs`. */
export interface ScheduleJobsEntry
  extends Omit<ScheduleJobOptions, "transaction"> {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** The job that runs it, or the job's kind. */
  readonly job: Job | string;
}

/** Options of `scheduleJobs`. */
export interface ScheduleJobsOptions<Transaction = never> {
  /**
   * A transaction of yours that the tasks become part of.
   *
   * @default undefined
   */
  readonly transaction?: Transaction;
}

/** Options of `stop`. */
export interface StopOptions {
  /**
   * How long running jobs may take to finish, in milliseconds. `Infinity`: as
   * long as they like.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** A task as `getScheduledJob` shows it. */
export interface ScheduledJob {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** The job, if this process knows the kind. */
  readonly job: Job | undefined;
  /** When it runs next, or was due if it runs now; `undefined` once failed. */
  readonly nextRunTime: Date | undefined;
  /** Where the task stands. */
  readonly status: TaskStatus;
  /** How many runs in a row have failed. */
  readonly retry: number;
  /** What the last run left: its output, or the message of its error. */
  readonly result: string;
  /** What the job works on. */
  readonly payload: Uint8Array;
  /** The task's own trigger in its stored form, if it has one. */
  readonly trigger: string | undefined;
  /** The fencing token: it grows with every claim. */
  readonly version: number;
}

/** Schedules tasks, and runs those of the kinds that it knows. */
export interface Scheduler<Transaction = never> extends AsyncDisposable {
  /**
   * Lets this process run tasks of the job's kind. Tasks of other kinds are
   * left alone.
   *
   * @throws {JobAlreadyRegisteredError} If a job of this kind is registered.
   * @throws {TypeError | RangeError} If the job or an option makes no sense.
   */
  registerJob(job: Job, options?: RegisterJobOptions): void;

  /**
   * Starts to run what is due.
   *
   * @param signal Stops the scheduler when it aborts, as `stop()` does.
   * @returns Resolves when it runs.
   * @throws {SchedulerError} If it was started already, or was stopped before
   *   the store had answered.
   * @throws Whatever the store throws if it cannot be used, or the signal's
   *   reason if that has aborted.
   */
  start(signal?: AbortSignal): Promise<void>;

  /**
   * Stops gracefully: claims no more, waits for running jobs, aborts the signals
   * of those that miss the deadline, and hands their tasks back at once,
   * without having used up a retry. Can be started again afterwards.
   */
  stop(options?: StopOptions): Promise<void>;

  /**
   * Adds a task. When this resolves, the task is in the store.
   *
   * @param slug The name of the task, 1 to 255 characters.
   * @param job The job that runs it, or its kind; only the kind is stored.
   * @throws {JobAlreadyScheduledError} If the slug is taken.
   * @throws {PayloadError} If the payload cannot be stored.
   * @throws {TypeError | RangeError} If an argument makes no sense. Nothing is
   *   stored then.
   */
  scheduleJob(
    slug: string,
    job: Job | string,
    options?: ScheduleJobOptions<Transaction>,
  ): Promise<void>;

  /**
   * Adds many tasks in few round trips. If any of them is in error, or has
   * `onConflict` `"error"` and is taken, none is added.
   *
   * @throws As `scheduleJob`; a `JobAlreadyScheduledError` has all `slugs` that
   *   were taken.
   */
  scheduleJobs(
    entries: Iterable<ScheduleJobsEntry>,
    options?: ScheduleJobsOptions<Transaction>,
  ): Promise<void>;

  /** The slugs of all tasks in the store, sorted. */
  getJobSlugs(): Promise<string[]>;

  /**
   * The task with this slug.
   *
   * @throws {JobNotFoundError} If there is none.
   */
  getScheduledJob(slug: string): Promise<ScheduledJob>;

  /**
   * Removes a task. If it runs, the signal of its job aborts.
   *
   * @throws {JobNotFoundError} If there is none.
   */
  deleteJob(slug: string): Promise<void>;

  /** Removes all tasks, of every kind and of every process. */
  clear(): Promise<void>;
}
