/**
 * Durable, distributed job scheduling. A **job** does the work, a **trigger**
 * computes when, a **store** keeps the tasks, and a **scheduler** brings them
 * together.
 *
 * @example Something every five seconds
 * ```ts ignore
 * import { CronTrigger, PrintJob, StdScheduler } from "@x/scheduler";
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 *
 * await using scheduler = new StdScheduler(new MemoryStore());
 * scheduler.registerJob(new PrintJob());
 * await scheduler.start();
 * await scheduler.scheduleJob("tick", "print", {
 *   trigger: new CronTrigger("1/5 * * * * *"),
 *   payload: "five seconds have passed",
 * });
 * ```
 *
 * @module
 */

export * from "./jobs/curl_job.ts";
export * from "./jobs/print_job.ts";
export * from "./jobs/shell_job.ts";
export * from "./src/backoff.ts";
export { type Clock, systemClock } from "./src/clock.ts";
export * from "./src/errors.ts";
export type * from "./src/job.ts";
export type * from "./src/job_store.ts";
export { consoleLogger, type Logger } from "./src/logger.ts";
export type { Misfire } from "./src/misfire.ts";
export type { RegisterJobOptions } from "./src/registry.ts";
export type * from "./src/scheduler.ts";
export { StdScheduler, type StdSchedulerOptions } from "./src/std_scheduler.ts";
export * from "./src/task.ts";
export type { Trigger } from "./src/trigger.ts";
export * from "./triggers/cron_trigger.ts";
export { restoreTrigger } from "./triggers/restore_trigger.ts";
export * from "./triggers/simple_trigger.ts";
