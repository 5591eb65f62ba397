/**
 * A job every five seconds, and one in between, until Ctrl-C. Needs no
 * permission at all.
 *
 *     deno run examples/repeating.ts
 */
import { CronTrigger, PrintJob, StdScheduler } from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { ctrlC } from "./ctrl_c.ts";
import { say } from "./say.ts";

const scheduler = new StdScheduler(new MemoryStore());
const everyFive = new CronTrigger("1/5 * * * * *");
const print = new PrintJob("print", { print: say });

scheduler.registerJob(print);
await scheduler.start();

await scheduler.scheduleJob("tick", print, {
  trigger: everyFive,
  payload: "tick: five more seconds",
});
await scheduler.scheduleJob("hello", print, {
  delayMs: everyFive.firstDelayMs() + 2_500,
  payload: "hello: once, in between",
});
say("waiting for seconds 1, 6, 11 …; Ctrl-C ends it");

await ctrlC();
await scheduler.stop();
for (const slug of await scheduler.getJobSlugs()) {
  const { nextRunTime } = await scheduler.getScheduledJob(slug);
  say(`left: "${slug}", due at ${nextRunTime?.toISOString().slice(11, 23)}`);
}
say("goodbye");
