/**
 * A job of your own that remembers something from run to run: it counts down
 * every half second, and removes its task at zero.
 *
 *     deno run examples/custom_job.ts
 */
import {
  type Job,
  type JobContext,
  type JobResult,
  SimpleTrigger,
  StdScheduler,
  type StoreTask,
} from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

const ended = Promise.withResolvers<void>();

class CountdownJob implements Job {
  readonly kind = "countdown";

  execute(task: StoreTask, { scheduledFor }: JobContext): JobResult {
    const count = task.json<number>();
    const lateMs = Date.now() - scheduledFor.getTime();
    say(`${count} (${lateMs} ms after it was due)`);
    if (count === 0) {
      ended.resolve();
      return null; // Removes the task.
    }
    task.setJson(count - 1);
    return task; // Keeps the new payload.
  }
}

await using scheduler = new StdScheduler(new MemoryStore());
const countdown = new CountdownJob();
scheduler.registerJob(countdown);
await scheduler.start();
await scheduler.scheduleJob("lift-off", countdown, {
  trigger: new SimpleTrigger(500),
  payload: 5,
});
await ended.promise;
await scheduler.stop();
say(`tasks left: ${(await scheduler.getJobSlugs()).length}`);
