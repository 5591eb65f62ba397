/**
 * What happens when jobs fail. One succeeds at the third attempt. The other fails
 * until its backoff gives up, and stays in the store until it is run again.
 *
 *     deno run examples/retries.ts
 */
import {
  ExponentialBackoff,
  FixedBackoff,
  type Job,
  silentLogger,
  StdScheduler,
} from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

await using scheduler = new StdScheduler(new MemoryStore(), {
  logger: silentLogger, // The default would warn of each failure.
});

const flaky: Job = {
  kind: "flaky",
  execute(task) {
    say(`flaky: attempt ${task.retry + 1}`);
    if (task.retry < 2) throw new Error("the line was busy");
    say("flaky: got through");
  },
};
let repaired = false;
const broken: Job = {
  kind: "broken",
  execute(task) {
    say(`broken: attempt ${task.retry + 1}`);
    if (!repaired) throw new Error("the printer is on fire");
    say("broken: works again");
  },
};
scheduler.registerJob(flaky, {
  backoff: new ExponentialBackoff({ initialMs: 200 }),
});
scheduler.registerJob(broken, { backoff: new FixedBackoff([100, 100]) });
await scheduler.start();
await scheduler.scheduleJob("call", flaky);
await scheduler.scheduleJob("print", broken);

await pause(1_000);
const { status, retry, result } = await scheduler.getScheduledJob("print");
say(`"print" is ${status} after ${retry} failures: ${result}`);

repaired = true;
await scheduler.scheduleJob("print", broken, { onConflict: "replace" });
await pause(100);
say(`tasks left: ${(await scheduler.getJobSlugs()).length}`);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
