import { storeTrigger } from "../../triggers/codec.ts";
import { type Clock, systemClock } from "../api/clock.ts";
import {
  JobAlreadyScheduledError,
  JobNotFoundError,
  SchedulerError,
} from "../api/errors.ts";
import type { Job } from "../api/job.ts";
import type { JobStore, NewTask } from "../api/job_store.ts";
import { consoleLogger, type Logger } from "../api/logger.ts";
import { checkTrigger, type RegisterJobOptions, Registry } from "./registry.ts";
import { Runner } from "./runner.ts";
import type {
  ScheduledJob,
  ScheduleJobOptions,
  ScheduleJobsEntry,
  ScheduleJobsOptions,
  Scheduler,
  StopOptions,
} from "../api/scheduler.ts";
import { StoreClock } from "./store_clock.ts";
import { encodePayload } from "../core/payload.ts";
import {
  checkDelay,
  checkDuration,
  checkName,
  checkWhen,
} from "../core/validate.ts";

/** Options of {@linkcode StdScheduler}. */
export interface StdSchedulerOptions {
  /**
   * How many jobs run at once in this process. Raise it for short jobs: tasks
   * are claimed as many at a time as there are free slots.
   *
   * @default 10
   */
  readonly concurrency?: number;
  /**
   * How long a claim holds unless it is renewed, in milliseconds, at least 100.
   * The work of a process that dies is taken over after that time. Jobs may run
   * longer: leases are renewed.
   *
   * @default 30_000
   */
  readonly leaseMs?: number;
  /**
   * The longest pause between two looks into the store, in milliseconds, at
   * least 10: the safety net, should a wake-up get lost or a clock jump.
   *
   * @default 60_000
   */
  readonly heartbeatMs?: number;
  /**
   * Adds up to so many milliseconds at random before due tasks are claimed, so
   * that many processes do not reach for the same tasks at once.
   *
   * @default 0
   */
  readonly jitterMs?: number;
  /**
   * Where time and randomness come from.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
  /**
   * Where to say what was noticed; `console` shows everything.
   *
   * @default consoleLogger, which shows warnings and errors
   */
  readonly logger?: Logger;
}

type Settings = Required<StdSchedulerOptions>;

/**
 * The scheduler: schedules tasks in a store, and runs those of the kinds that
 * it knows. Several, in one process or in many, may share a store.
 *
 * @example A reminder
 * ```ts
 * import { StdScheduler } from "@x/scheduler";
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 * import { assertEquals } from "@std/assert";
 *
 * const done = Promise.withResolvers<string>();
 * await using scheduler = new StdScheduler(new MemoryStore());
 * scheduler.registerJob({
 *   kind: "remind",
 *   execute: (task) => done.resolve(task.json<{ of: string }>().of),
 * });
 * await scheduler.start();
 * await scheduler.scheduleJob("remind-anna", "remind", {
 *   delayMs: 5,
 *   payload: { of: "the milk" },
 * });
 * assertEquals(await done.promise, "the milk");
 * ```
 *
 * @typeParam Transaction What the store takes as a transaction of the user.
 */
export class StdScheduler<Transaction = never>
  implements Scheduler<Transaction> {
  readonly #store: JobStore<Transaction>;
  readonly #settings: Settings;
  readonly #registry = new Registry();
  readonly #storeClock: StoreClock;
  #runner: Runner | undefined;
  #stopping: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  /**
   * Does no I/O yet.
   *
   * @throws {TypeError | RangeError} If an option makes no sense.
   */
  constructor(store: JobStore<Transaction>, options: StdSchedulerOptions = {}) {
    if (typeof store?.lock !== "function") {
      throw new TypeError(
        "Cannot make a scheduler without a store: pass one, " +
          "such as new MemoryStore()",
      );
    }
    this.#store = store;
    this.#settings = toSettings(options);
    const { clock, heartbeatMs } = this.#settings;
    this.#storeClock = new StoreClock(clock, heartbeatMs);
  }

  /** See {@linkcode Scheduler.registerJob}. */
  registerJob(job: Job, options: RegisterJobOptions = {}): void {
    this.#registry.add(job, options);
    this.#runner?.wake();
  }

  /** See {@linkcode Scheduler.start}. */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#runner !== undefined) {
      throw new SchedulerError("Cannot start the scheduler: it was started");
    }
    const runner = this.#runner = new Runner({
      ...this.#settings,
      store: this.#store,
      registry: this.#registry,
      storeClock: this.#storeClock,
    });
    const stop = () => void this.stop();
    signal?.addEventListener("abort", stop);
    this.#unlisten = () => signal?.removeEventListener("abort", stop);
    try {
      await runner.start();
    } catch (error) {
      this.#forget(runner);
      throw error;
    }
  }

  /** See {@linkcode Scheduler.stop}. */
  async stop({ timeoutMs = 10_000 }: StopOptions = {}): Promise<void> {
    if (timeoutMs !== Infinity) {
      checkDuration("timeoutMs", timeoutMs, { min: 0 });
    }
    this.#stopping ??= this.#stop(timeoutMs);
    await this.#stopping;
  }

  /** Stops with the defaults of `stop`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** See {@linkcode Scheduler.scheduleJob}. */
  async scheduleJob(
    slug: string,
    job: Job | string,
    options: ScheduleJobOptions<Transaction> = {},
  ): Promise<void> {
    const { transaction, ...entry } = options;
    await this.scheduleJobs([{ ...entry, slug, job }], { transaction });
  }

  /** See {@linkcode Scheduler.scheduleJobs}. */
  async scheduleJobs(
    entries: Iterable<ScheduleJobsEntry>,
    options: ScheduleJobsOptions<Transaction> = {},
  ): Promise<void> {
    const list = [...entries];
    checkDistinct(list);
    const tasks: NewTask[] = [];
    for (const entry of list) tasks.push(await this.#toTask(entry));
    if (tasks.length === 0) return;

    const replaced = this.#runsOf(
      tasks.filter((task) => task.onConflict === "replace"),
    );
    const taken = await this.#store.create(tasks, options.transaction);
    if (taken.length > 0) throw new JobAlreadyScheduledError(taken);
    if (options.transaction === undefined) {
      for (const run of replaced) run.lose("the task was replaced");
    }
  }

  /** See {@linkcode Scheduler.getJobSlugs}. */
  async getJobSlugs(): Promise<string[]> {
    return (await this.#store.getSlugs()).sort();
  }

  /** See {@linkcode Scheduler.getScheduledJob}. */
  async getScheduledJob(slug: string): Promise<ScheduledJob> {
    const task = await this.#store.get(slug);
    if (task === undefined) throw new JobNotFoundError(slug);
    return {
      slug: task.slug,
      kind: task.kind,
      job: this.#registry.job(task.kind),
      nextRunTime: task.status === "failed" ? undefined : task.when,
      status: task.status,
      retry: task.retry,
      result: task.result,
      payload: task.payload,
      trigger: task.trigger,
      version: task.version,
    };
  }

  /** See {@linkcode Scheduler.deleteJob}. */
  async deleteJob(slug: string): Promise<void> {
    const runs = this.#runsOf([{ slug }]);
    if (!await this.#store.delete(slug)) throw new JobNotFoundError(slug);
    for (const run of runs) run.lose("the task was deleted");
  }

  /** See {@linkcode Scheduler.clear}. */
  async clear(): Promise<void> {
    const runs = this.#runner?.runsOf() ?? [];
    await this.#store.clear();
    for (const run of runs) run.lose("all tasks were deleted");
  }

  async #stop(timeoutMs: number): Promise<void> {
    const runner = this.#runner;
    try {
      await runner?.stop(timeoutMs);
    } finally {
      this.#forget(runner);
      this.#stopping = undefined;
    }
  }

  #forget(runner: Runner | undefined): void {
    if (this.#runner !== runner) return;
    this.#unlisten?.();
    this.#runner = undefined;
  }

  async #toTask(entry: ScheduleJobsEntry): Promise<NewTask> {
    const { slug, job, trigger, onConflict = "error" } = entry;
    checkName("slug", slug);
    const kind = typeof job === "string" ? job : job?.kind;
    checkName("kind", kind);
    if (trigger !== undefined) checkTrigger(`schedule "${slug}"`, trigger);
    if (!["error", "keep", "replace"].includes(onConflict)) {
      throw new TypeError(
        `Cannot schedule "${slug}" with onConflict "${onConflict}": ` +
          `it must be "error", "keep" or "replace"`,
      );
    }
    return {
      slug,
      kind,
      payload: encodePayload(slug, entry.payload, this.#store.maxPayloadBytes),
      trigger: trigger && storeTrigger(trigger),
      due: await this.#firstDue(entry, kind),
      onConflict,
    };
  }

  async #firstDue(
    { slug, delayMs, when, trigger }: ScheduleJobsEntry,
    kind: string,
  ): Promise<NewTask["due"]> {
    if (delayMs !== undefined && when !== undefined) {
      throw new TypeError(
        `Cannot schedule "${slug}" with both delayMs and when: pass one of them`,
      );
    }
    if (delayMs !== undefined) {
      return {
        inMs: checkDelay(slug, delayMs, this.#storeClock.now().getTime()),
      };
    }
    if (when !== undefined) return { at: checkWhen(slug, when) };
    const recurs = trigger ?? this.#registry.trigger(kind);
    if (recurs === undefined) return { inMs: 0 };
    const now = await this.#storeClock.read(this.#store);
    const first = recurs.nextFireTime(now);
    if (first === undefined) {
      throw new RangeError(
        `Cannot schedule "${slug}": its trigger never fires after ` +
          now.toISOString(),
      );
    }
    return { at: checkWhen(slug, first) };
  }

  #runsOf(tasks: readonly { slug: string }[]) {
    if (tasks.length === 0 || this.#runner === undefined) return [];
    return this.#runner.runsOf(new Set(tasks.map((task) => task.slug)));
  }
}

function toSettings(options: StdSchedulerOptions): Settings {
  const {
    concurrency = 10,
    leaseMs = 30_000,
    heartbeatMs = 60_000,
    jitterMs = 0,
    clock = systemClock,
    logger = consoleLogger,
  } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(
      `Cannot use concurrency ${concurrency}: it must be an integer, at least 1`,
    );
  }
  checkDuration("leaseMs", leaseMs, { min: 100 });
  checkDuration("heartbeatMs", heartbeatMs, { min: 10 });
  checkDuration("jitterMs", jitterMs, { min: 0 });
  return { concurrency, leaseMs, heartbeatMs, jitterMs, clock, logger };
}

function checkDistinct(entries: readonly ScheduleJobsEntry[]): void {
  const slugs = new Set<string>();
  for (const { slug } of entries) {
    if (slugs.has(slug)) {
      throw new JobAlreadyScheduledError(
        [slug],
        `Cannot schedule "${slug}" twice in one call: slugs must differ`,
      );
    }
    slugs.add(slug);
  }
}
