import type { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Job, JobContext, JobResult } from "./job.ts";
import type { OnConflict } from "./job_store.ts";
import type { Logger } from "./logger.ts";
import type { JsonValue } from "./json.ts";
import type { StoreTask, TaskStatus } from "./task.ts";
import type { Trigger } from "./trigger.ts";

/** Options of a scheduler. */
export interface SchedulerOptions {
  /**
   * How many jobs run at once in this process. Raise it for short jobs: tasks
   * are claimed as many at a time as there are free slots.
   *
   * @default 10
   */
  readonly concurrency?: number | undefined;
  /**
   * How long a claim holds unless it is renewed, in milliseconds, from 100 to a
   * day.
   * The work of a process that dies is taken over after that time. Jobs may run
   * longer: leases are renewed.
   *
   * @default 30_000
   */
  readonly leaseMs?: number | undefined;
  /**
   * The longest pause between two looks into the store, in milliseconds, from 10
   * to a day: the safety net, should a wake-up get lost or a clock jump. The
   * same look tells others that this instance lives.
   *
   * @default 12_000
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * A random delay before due tasks are claimed, in milliseconds, at most an hour,
   * so that many processes do not reach for the same tasks at once.
   *
   * @default 0
   */
  readonly jitterMs?: number | undefined;
  /**
   * What people call this instance, such as the name of its host.
   *
   * @default a random id
   */
  readonly name?: string | undefined;
  /**
   * The version of the app, for telling deploys apart.
   *
   * @default undefined
   */
  readonly version?: string | undefined;
  /**
   * Where time and randomness come from.
   *
   * @default systemClock
   */
  readonly clock?: Clock | undefined;
  /**
   * Receives log messages; `console` shows all of them. A logger that throws
   * breaks nothing.
   *
   * @default consoleLogger, which shows warnings and errors
   */
  readonly logger?: Logger | undefined;
}

/**
 * What happens to fire times that nobody could run in time.
 *
 * - `"fireOnce"`: the late task runs once, then carries on in the future.
 * - `"skip"`: fire times that are late by more than `misfireThresholdMs` are
 *   passed over. Does not apply to one-offs and to retries.
 * - `"catchUp"`: each missed fire time runs, one after the other.
 */
export type Misfire = "fireOnce" | "skip" | "catchUp";

/** Options of `registerJob`. */
export interface RegisterJobOptions {
  /**
   * Makes every task of the kind that has no trigger of its own recur: any
   * trigger, or a cron expression.
   *
   * @default undefined
   */
  readonly trigger?: Trigger | string | undefined;
  /**
   * The zone of a `trigger` that is a cron expression.
   *
   * @default "UTC"
   */
  readonly timeZone?: string | undefined;
  /**
   * When failed runs are tried again.
   *
   * @default new ExponentialBackoff()
   */
  readonly backoff?: Backoff | undefined;
  /**
   * What happens to fire times that nobody could run in time.
   *
   * @default "fireOnce"
   */
  readonly misfire?: Misfire | undefined;
  /**
   * How late a fire time may be before `misfire: "skip"` passes over it, in
   * milliseconds, up to 100 years.
   *
   * @default 60_000
   */
  readonly misfireThresholdMs?: number | undefined;
  /**
   * For how long a task stays when it is done, with its result, in milliseconds
   * or `Infinity`. Its slug is taken meanwhile, so scheduling it again with
   * `onConflict: "keep"` does nothing: an idempotency window.
   *
   * @default 0
   */
  readonly keepMs?: number | undefined;
  /**
   * For how long a task stays that has failed for good, or was cancelled, in
   * milliseconds.
   *
   * @default Infinity
   */
  readonly keepFailedMs?: number | undefined;
}

/** Options of `scheduleJob`. */
export interface ScheduleJobOptions<Transaction = never> {
  /**
   * Makes the first run due so long from now, in milliseconds, by the store's
   * clock. Not together with `when`.
   *
   * @default the trigger's first fire time, or now if there is no trigger
   */
  readonly delayMs?: number | undefined;
  /**
   * Makes the first run due at this instant; one in the past is due at once.
   * Not together with `delayMs`.
   *
   * @default the trigger's first fire time, or now if there is no trigger
   */
  readonly when?: Date | undefined;
  /**
   * What the job works on: bytes as they are, anything else as JSON.
   * `task.text()` gives a string back, `task.json()` any JSON value. What would
   * come back as something else, such as a `Map` or `NaN`, is refused.
   *
   * @default an empty payload
   */
  readonly payload?: Uint8Array | JsonValue | undefined;
  /**
   * Makes the task recur. It is stored with the task, so it survives a restart:
   * a `CronTrigger`, a `SimpleTrigger`, one of a class that the scheduler was
   * given, or a cron expression.
   *
   * `null` makes the task a one-off, whatever its kind has.
   *
   * @default the trigger of the kind, if it was registered with one
   */
  readonly trigger?: Trigger | string | null | undefined;
  /**
   * The zone of a `trigger` that is a cron expression.
   *
   * @default "UTC"
   */
  readonly timeZone?: string | undefined;
  /**
   * What to do when the slug is taken: throw, keep the old task, replace it, or
   * have the old one run once more.
   *
   * @default "error"
   */
  readonly onConflict?: OnConflict | undefined;
  /**
   * For how long the task stays when it is done, in milliseconds or `Infinity`,
   * see `keepMs` of `registerJob`.
   *
   * @default as its kind says
   */
  readonly keepMs?: number | undefined;
  /**
   * A transaction of yours that the task becomes part of. Stores that know
   * transactions say what they take; the others throw a `TypeError`.
   *
   * @default undefined
   */
  readonly transaction?: Transaction | undefined;
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
  readonly transaction?: Transaction | undefined;
}

/** Options of `stop`. */
export interface StopOptions {
  /**
   * How long running jobs may take to finish, in milliseconds, up to 100 years.
   * `Infinity`: as long as they like.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number | undefined;
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

/**
 * What scheduling has done: the task is new, the old one was kept or replaced,
 * or it runs once more (`"merged"`).
 */
export type ScheduleOutcome = "created" | "kept" | "replaced" | "merged";

/**
 * What can be registered in place of a {@linkcode Job}: its method `execute`.
 */
export type JobFunction = (
  task: StoreTask,
  context: JobContext,
) => JobResult | Promise<JobResult>;

/** Schedules tasks, and runs those of the kinds that it knows. */
export interface Scheduler<in Transaction = never> extends AsyncDisposable {
  /**
   * Lets this process run tasks of the job's kind. Tasks of other kinds are
   * left alone.
   *
   * @throws {JobAlreadyRegisteredError} If a job of this kind is registered.
   * @throws {TypeError | RangeError} If the job or an option makes no sense.
   */
  registerJob(job: Job, options?: RegisterJobOptions): void;

  /**
   * Lets this process run tasks of a kind by a function.
   *
   * @throws {JobAlreadyRegisteredError} If a job of this kind is registered.
   * @throws {TypeError | RangeError} If an argument makes no sense.
   */
  registerJob(
    kind: string,
    execute: JobFunction,
    options?: RegisterJobOptions,
  ): void;

  /**
   * Starts to run what is due.
   *
   * @param signal Stops the scheduler when it aborts, as `stop()` does.
   * @returns Resolves when it runs.
   * @throws {SchedulerError} If it has been started already, is stopping, or was
   *   stopped before the store had answered.
   * @throws {TypeError} If `signal` is not an `AbortSignal`.
   * @throws Whatever the store throws if it cannot be used, or the signal's
   *   reason if that aborts before it runs.
   */
  start(signal?: AbortSignal): Promise<void>;

  /**
   * Stops gracefully: claims no more, waits for running jobs, aborts the signals
   * of those that miss the deadline, and hands their tasks back at once,
   * without having used up a retry. Can be started again afterwards. Called
   * again while it stops, the earlier deadline counts.
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
  ): Promise<ScheduleOutcome>;

  /**
   * Adds many tasks in few round trips. If any of them is in error, or has
   * `onConflict` `"error"` and is taken, none is added.
   *
   * @throws As `scheduleJob`; a `JobAlreadyScheduledError` has all `slugs` that
   *   were taken.
   */
  // A property, not a method: only so is a scheduler without transactions not
  // taken for one with them.
  readonly scheduleJobs: (
    entries: Iterable<ScheduleJobsEntry>,
    options?: ScheduleJobsOptions<Transaction>,
  ) => Promise<ScheduleOutcome[]>;

  /** The slugs of all tasks in the store, sorted. */
  getJobSlugs(): Promise<string[]>;

  /**
   * The task with this slug.
   *
   * @throws {JobNotFoundError} If there is none.
   * @throws {TypeError | RangeError} If it cannot be a slug.
   */
  getScheduledJob(slug: string): Promise<ScheduledJob>;

  /**
   * Removes a task. If it runs, the signal of its job aborts.
   *
   * @throws {JobNotFoundError} If there is none.
   * @throws {TypeError | RangeError} If it cannot be a slug.
   */
  deleteJob(slug: string): Promise<void>;

  /** Removes all tasks, of every kind and of every process. */
  clear(): Promise<void>;
}
