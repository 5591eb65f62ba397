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
export type { Backoff } from "./src/api/backoff.ts";
export { type Clock, systemClock } from "./src/api/clock.ts";
export * from "./src/api/errors.ts";
export type * from "./src/api/job.ts";
export type * from "./src/api/job_store.ts";
export type { JsonValue } from "./src/api/json.ts";
export { consoleLogger, type Logger, silentLogger } from "./src/api/logger.ts";
export type * from "./src/api/scheduler.ts";
export * from "./src/api/task.ts";
export type * from "./src/api/trigger.ts";
export * from "./src/core/backoff.ts";
export { BaseScheduler } from "./src/runtime/base_scheduler.ts";
export * from "./triggers/cron_trigger.ts";
export * from "./triggers/simple_trigger.ts";
export * from "./triggers/std_scheduler.ts";
