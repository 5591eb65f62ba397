import { systemClock } from "../api/clock.ts";
import {
  JobAlreadyScheduledError,
  JobNotFoundError,
  SchedulerError,
  StoreUnsupportedError,
} from "../api/errors.ts";
import type { Job } from "../api/job.ts";
import type {
  InspectingStore,
  InstanceStore,
  JobStore,
  SteeringStore,
} from "../api/job_store.ts";
import { consoleLogger } from "../api/logger.ts";
import type {
  JobFunction,
  RegisterJobOptions,
  ScheduledJob,
  ScheduleJobOptions,
  ScheduleJobsEntry,
  ScheduleJobsOptions,
  ScheduleOutcome,
  Scheduler,
  SchedulerOptions,
  StopOptions,
} from "../api/scheduler.ts";
import type { TaskStatus } from "../api/task.ts";
import type { TriggerCodec } from "../api/trigger.ts";
import { DAY_MS, HOUR_MS } from "../core/durations.ts";
import { checkOptions } from "../core/options.ts";
import { printable } from "../core/text.ts";
import {
  checkClock,
  checkDuration,
  checkLabel,
  checkLogger,
  checkMethods,
  checkName,
  checkStay,
} from "../core/validate.ts";
import {
  datedTasks,
  type Draft,
  type DraftSettings,
  draftTask,
  draftTasks,
} from "./new_tasks.ts";
import { Registry, toJob } from "./registry.ts";
import type { Run } from "./run.ts";
import { Runner, type RunnerSettings } from "./runner.ts";
import { SafeLogger } from "../core/safe_logger.ts";
import { StoreClock } from "./store_clock.ts";

/**
 * The scheduler, apart from the triggers that it knows: those come with a codec.
 * Most programs want {@linkcode StdScheduler}, which knows those of this package.
 */
export class BaseScheduler<in Transaction = never>
  implements Scheduler<Transaction> {
  readonly #store: JobStore<Transaction>;
  readonly #codec: TriggerCodec;
  readonly #settings: RunnerSettings;
  #runner: Runner | undefined;
  #unlisten: (() => void) | undefined;

  /**
   * Does no I/O yet.
   *
   * @param codec Reads and writes the triggers of tasks.
   * @throws {TypeError | RangeError} If an option makes no sense.
   */
  constructor(
    store: JobStore<Transaction>,
    options: SchedulerOptions,
    codec: TriggerCodec,
  ) {
    checkMethods(
      "make a scheduler",
      "a store, such as new MemoryStore(),",
      store,
      [
        "create",
        "nextRun",
        "lock",
        "renew",
        "reschedule",
        "watch",
      ],
    );
    checkMethods("make a scheduler", "a codec of triggers", codec, [
      "parse",
      "encode",
      "decode",
    ]);
    this.#store = store;
    this.#codec = codec;
    this.#settings = toSettings(store, options, new Registry(codec));
  }

  /** See {@linkcode Scheduler.registerJob}. */
  registerJob(job: Job, options?: RegisterJobOptions): void;
  /** See {@linkcode Scheduler.registerJob}. */
  registerJob(
    kind: string,
    execute: JobFunction,
    options?: RegisterJobOptions,
  ): void;
  registerJob(
    job: Job | string,
    second?: JobFunction | RegisterJobOptions,
    third?: RegisterJobOptions,
  ): void {
    const options = typeof job === "string" ? third : second;
    this.#settings.registry.add(
      toJob(job, second),
      options as RegisterJobOptions | undefined,
    );
    this.#runner?.wake();
  }

  /** See {@linkcode Scheduler.start}. */
  async start(signal?: AbortSignal): Promise<void> {
    if (signal !== undefined) {
      checkMethods("start the scheduler", "an AbortSignal", signal, [
        "throwIfAborted",
        "addEventListener",
        "removeEventListener",
      ]);
      signal.throwIfAborted();
    }
    if (this.#runner !== undefined) {
      throw new SchedulerError(
        this.#runner.isStopping
          ? "Cannot start the scheduler: it is stopping; expected stop() to have resolved"
          : "Cannot start the scheduler: it has been started already; expected stop() before",
      );
    }
    const { logger, registry } = this.#settings;
    const runner = this.#runner = new Runner(this.#settings);
    const stop = () => void this.stop();
    signal?.addEventListener("abort", stop);
    this.#unlisten = () => signal?.removeEventListener("abort", stop);
    try {
      await runner.start();
      logger.info("The scheduler has started", { kinds: registry.kinds });
    } catch (error) {
      this.#forget(runner);
      throw signal?.aborted ? signal.reason : error;
    }
  }

  /** See {@linkcode Scheduler.stop}. */
  async stop(options: StopOptions = {}): Promise<void> {
    checkOptions("stop the scheduler", options, ["timeoutMs"]);
    const { timeoutMs = 10_000 } = options;
    checkStay("timeoutMs", timeoutMs);
    const runner = this.#runner;
    if (runner === undefined) return;
    try {
      await runner.stop(timeoutMs);
    } finally {
      if (this.#runner === runner) {
        this.#settings.logger.info("The scheduler has stopped");
      }
      this.#forget(runner);
    }
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
  ): Promise<ScheduleOutcome> {
    const draft = draftTask(slug, job, options, this.#draftSettings);
    const { transaction } = options;
    this.#checkTransaction(transaction);
    const [outcome] = await this.#create([draft], transaction);
    return outcome;
  }

  /** See {@linkcode Scheduler.scheduleJobs}. */
  async scheduleJobs(
    entries: Iterable<ScheduleJobsEntry>,
    options: ScheduleJobsOptions<Transaction> = {},
  ): Promise<ScheduleOutcome[]> {
    checkOptions("schedule jobs", options, ["transaction"]);
    const { transaction } = options;
    this.#checkTransaction(transaction);
    const drafts = draftTasks(entries, this.#draftSettings);
    return await this.#create(drafts, transaction);
  }

  /** See {@linkcode Scheduler.getJobSlugs}. */
  async getJobSlugs(): Promise<string[]> {
    const slugs = await this.#facet("getSlugs", "list tasks")();
    return slugs.sort();
  }

  /** See {@linkcode Scheduler.getScheduledJob}. */
  async getScheduledJob(slug: string): Promise<ScheduledJob> {
    checkName("slug", slug);
    const task = await this.#facet("get", "show a task")(slug);
    if (task === undefined) throw new JobNotFoundError(slug);
    return {
      slug: task.slug,
      kind: task.kind,
      job: this.#settings.registry.job(task.kind),
      nextRunTime: WAITS.includes(task.status) ? task.when : undefined,
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
    checkName("slug", slug);
    const runs = this.#runsOf([{ slug }]);
    const remove = this.#facet("delete", "delete a task");
    if (!await remove(slug)) throw new JobNotFoundError(slug);
    for (const run of runs) run.lose("the task was deleted");
  }

  /** See {@linkcode Scheduler.clear}. */
  async clear(): Promise<void> {
    const runs = this.#runner?.runsOf() ?? [];
    await this.#facet("clear", "delete all tasks")();
    for (const run of runs) run.lose("all tasks were deleted");
  }

  async #create(
    drafts: readonly Draft[],
    transaction: Transaction | undefined,
  ): Promise<ScheduleOutcome[]> {
    if (drafts.length === 0) return [];
    const { storeClock } = this.#settings;
    const isDated = drafts.every(({ due }) => !("first" in due));
    const now = isDated ? storeClock.now() : await storeClock.read(this.#store);
    const tasks = datedTasks(drafts, now);
    const runs = transaction === undefined ? this.#runsOf(tasks) : [];
    const outcomes = await this.#store.create(tasks, transaction);
    const taken = tasks.filter((_, index) => outcomes[index] === "taken");
    if (taken.length > 0) {
      throw new JobAlreadyScheduledError(taken.map(({ slug }) => slug));
    }
    const replaced = new Set(
      tasks.filter((_, index) => outcomes[index] === "replaced")
        .map(({ slug }) => slug),
    );
    for (const run of runs) {
      if (replaced.has(run.slug)) run.lose("the task was replaced");
    }
    return outcomes as ScheduleOutcome[];
  }

  get #draftSettings(): DraftSettings {
    const { registry, storeClock } = this.#settings;
    return {
      registry,
      codec: this.#codec,
      maxPayloadBytes: this.#store.maxPayloadBytes,
      now: storeClock.now(),
    };
  }

  /** What did not end with a stop, or did not start, is of no more use. */
  #forget(runner: Runner): void {
    if (this.#runner !== runner) return;
    this.#unlisten?.();
    this.#runner = undefined;
  }

  /** A method that a store may lack. */
  #facet<Method extends keyof Facets>(
    method: Method,
    action: string,
  ): Facets[Method] {
    const found = this.#store[method];
    if (found === undefined) throw new StoreUnsupportedError(action, method);
    return found.bind(this.#store) as Facets[Method];
  }

  #checkTransaction(transaction: Transaction | undefined): void {
    if (transaction === undefined) return;
    if (this.#store.checkTransaction === undefined) {
      throw new TypeError(
        "Cannot schedule in a transaction: this store has no transactions; " +
          "expected one that has, such as the PostgresStore",
      );
    }
    this.#store.checkTransaction(transaction);
  }

  #runsOf(tasks: readonly { slug: string }[]): Run[] {
    if (tasks.length === 0 || this.#runner === undefined) return [];
    return this.#runner.runsOf(new Set(tasks.map((task) => task.slug)));
  }
}

/** What is there to be run, or runs. */
const WAITS: readonly TaskStatus[] = ["scheduled", "running"];

type Facets = InspectingStore & SteeringStore & InstanceStore;

/** The names of the options. */
export const SCHEDULER_OPTIONS: readonly (keyof SchedulerOptions)[] = [
  "concurrency",
  "leaseMs",
  "heartbeatMs",
  "jitterMs",
  "name",
  "version",
  "clock",
  "logger",
];

function toSettings(
  store: JobStore,
  options: SchedulerOptions,
  registry: Registry,
): RunnerSettings {
  const {
    concurrency = 10,
    leaseMs = 30_000,
    heartbeatMs = 12_000,
    jitterMs = 0,
    name,
    version,
    clock = systemClock,
    logger = consoleLogger,
  } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(
      `Cannot use concurrency ${printable(concurrency)}: ` +
        "expected an integer, at least 1",
    );
  }
  checkDuration("leaseMs", leaseMs, { min: 100, max: DAY_MS });
  checkDuration("heartbeatMs", heartbeatMs, { min: 10, max: DAY_MS });
  checkDuration("jitterMs", jitterMs, { min: 0, max: HOUR_MS });
  const action = "make a scheduler";
  for (const [option, value] of Object.entries({ name, version })) {
    if (value !== undefined) checkLabel(option, value);
  }
  checkClock(action, clock);
  checkLogger(action, logger);
  return {
    store,
    registry,
    storeClock: new StoreClock(clock, heartbeatMs),
    clock,
    logger: new SafeLogger(logger),
    concurrency,
    leaseMs,
    heartbeatMs,
    jitterMs,
    name,
    version,
  };
}
