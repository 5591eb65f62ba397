import type { JobStore } from "../src/api/job_store.ts";
import type { SchedulerOptions } from "../src/api/scheduler.ts";
import type { TriggerClass } from "../src/api/trigger.ts";
import { checkOptions } from "../src/core/options.ts";
import {
  BaseScheduler,
  SCHEDULER_OPTIONS,
} from "../src/runtime/base_scheduler.ts";
import { StdTriggerCodec } from "./codec.ts";

/** Options of {@linkcode StdScheduler}. */
export interface StdSchedulerOptions extends SchedulerOptions {
  /**
   * Classes of triggers of your own that tasks can be stored with, beside
   * `CronTrigger` and `SimpleTrigger`.
   *
   * @default []
   */
  readonly triggers?: readonly TriggerClass[] | undefined;
}

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
export class StdScheduler<in Transaction = never>
  extends BaseScheduler<Transaction> {
  /**
   * Does no I/O yet.
   *
   * @throws {TypeError | RangeError} If an option makes no sense.
   */
  constructor(store: JobStore<Transaction>, options: StdSchedulerOptions = {}) {
    checkOptions("make a scheduler", options, [
      ...SCHEDULER_OPTIONS,
      "triggers",
    ]);
    super(store, options, new StdTriggerCodec(options.triggers));
  }
}
