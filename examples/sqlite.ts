/**
 * Builds a house, one step at a time. Press Ctrl-C in between, or pull the plug,
 * and start it again: it continues where it was.
 *
 *     deno run --allow-read=. --allow-write=. examples/sqlite.ts [file]
 */
import { type Job, SimpleTrigger, StdScheduler } from "@x/scheduler";
import { SqliteStore } from "@x/scheduler/stores/sqlite";
import process from "node:process";
import { ctrlC } from "./ctrl_c.ts";
import { say } from "./say.ts";

const STEPS = [
  ...["the plan", "the hole", "the foundation", "the ground floor"],
  ...["the stairs", "the upper floor", "the roof", "the windows"],
  ...["the door", "a bell beside the door"],
];

const path = process.argv[2] ?? "schedules.db";
await using store = new SqliteStore(path);
const scheduler = new StdScheduler(store);
const interrupted = ctrlC();
const finished = Promise.withResolvers<void>();

const build: Job = {
  kind: "build",
  execute(task, { scheduledFor }) {
    const step = task.json<number>();
    const bar = "█".repeat(step + 1).padEnd(STEPS.length, "░");
    say(`${bar}  ${STEPS[step]}${howLate(scheduledFor)}`);
    if (step + 1 === STEPS.length) {
      finished.resolve();
      return null; // Done: the task is removed.
    }
    task.setJson(step + 1);
    return task;
  },
};
scheduler.registerJob(build, { trigger: new SimpleTrigger(1_500) });

if ((await scheduler.getJobSlugs()).includes("house")) {
  const { payload } = await scheduler.getScheduledJob("house");
  const step = Number(new TextDecoder().decode(payload));
  say(`welcome back: ${step} of ${STEPS.length} steps are done`);
} else {
  await scheduler.scheduleJob("house", build, { payload: 0 });
  say(`a new house, in ${STEPS.length} steps; Ctrl-C interrupts it`);
}

await scheduler.start();
const isFinished = await Promise.race([
  finished.promise.then(() => true),
  interrupted.then(() => false),
]);
await scheduler.stop();
say(
  isFinished
    ? "the house stands; the next start builds another"
    : `the rest is safe in ${path}; start again to continue`,
);

function howLate(scheduledFor: Date): string {
  const seconds = Math.round((Date.now() - scheduledFor.getTime()) / 1_000);
  return seconds < 1 ? "" : `, ${seconds} s late: you were away`;
}
