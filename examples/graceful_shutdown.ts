/**
 * Stopping while jobs run. The quick one finishes; the slow one is told by its
 * signal to end, and its task is handed back for the next start.
 *
 *     deno run examples/graceful_shutdown.ts
 */
import { type Job, silentLogger, StdScheduler } from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

const scheduler = new StdScheduler(new MemoryStore(), { logger: silentLogger });

const work: Job = {
  kind: "work",
  async execute(task, { signal }) {
    const seconds = task.json<number>();
    say(`${task.slug}: begins, takes ${seconds} s`);
    await pause(seconds * 1_000, signal);
    say(`${task.slug}: ${signal.aborted ? "stops halfway" : "has finished"}`);
    signal.throwIfAborted();
  },
};
scheduler.registerJob(work);
await scheduler.start();
await scheduler.scheduleJob("quick", work, { payload: 1 });
await scheduler.scheduleJob("slow", work, { payload: 60 });
await pause(500);

say("stopping: running jobs may take two more seconds");
await scheduler.stop({ timeoutMs: 2_000 });

for (const slug of await scheduler.getJobSlugs()) {
  const { status, retry } = await scheduler.getScheduledJob(slug);
  say(`left: "${slug}", ${status}, ${retry} failures`);
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
