/**
 * Measures the memory store, alone and under a scheduler:
 *
 *     deno run -A --v8-flags=--expose-gc tests/bench/memory.ts [tasks]
 */
import process from "node:process";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { percentile, print, rate } from "./report.ts";

const TASKS = Number(process.argv[2] ?? 1_000_000);
const BATCH = 1_000;

function newTasks(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    slug: `task-${index}`,
    kind: "work",
    payload: new Uint8Array(),
    trigger: undefined,
    due: { inMs: 0 },
    onConflict: "error" as const,
  }));
}

function heapUsed(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

/** Each operation of the store, in batches. */
async function storeAlone(): Promise<void> {
  const store = new MemoryStore();
  const tasks = newTasks(TASKS);
  const before = heapUsed();
  let start = performance.now();
  for (let from = 0; from < TASKS; from += BATCH) {
    await store.create(tasks.slice(from, from + BATCH));
  }
  print("create", rate(TASKS, start));
  const bytes = Math.round((heapUsed() - before) / TASKS);

  const claimed = [];
  start = performance.now();
  for (let from = 0; from < TASKS; from += BATCH) {
    claimed.push(
      await store.lock({
        kinds: [{ kind: "work" }],
        limit: BATCH,
        maxBytes: Infinity,
        leaseMs: 30_000,
        holder: "bench",
        token: 1,
      }),
    );
  }
  print("lock", rate(TASKS, start));

  start = performance.now();
  for (const batch of claimed) {
    await store.reschedule(batch.map((task) => ({
      slug: task.slug,
      version: task.version,
      token: 1,
      next: {
        status: "scheduled",
        when: new Date(task.when.getTime() + 60_000),
        scheduledFor: task.scheduledFor,
        retry: 0,
        crashes: 0,
        result: "",
        payload: undefined,
        lastRun: undefined,
        lastError: undefined,
        keepMs: Infinity,
      },
    })));
  }
  print("reschedule", rate(TASKS, start));
  print("memory", `${bytes} bytes a task`);
}

/** No-op one-offs that are all due, from start to the last settlement. */
async function wholeScheduler(concurrency: number): Promise<void> {
  const scheduler = new StdScheduler(new MemoryStore(), { concurrency });
  const all = Promise.withResolvers<void>();
  let runs = 0;
  scheduler.registerJob({
    kind: "work",
    execute: () => {
      if (++runs === TASKS) all.resolve();
    },
  });
  await scheduler.scheduleJobs(
    newTasks(TASKS).map(({ slug }) => ({ slug, job: "work" })),
  );
  const start = performance.now();
  await scheduler.start();
  await all.promise;
  await scheduler.stop();
  print(`no-op jobs, concurrency ${concurrency}`, rate(TASKS, start));
}

/** How late jobs start, at 1,000 tasks a second. */
async function lateness(): Promise<void> {
  const seconds = 5;
  await using scheduler = new StdScheduler(new MemoryStore(), {
    concurrency: 100,
  });
  const all = Promise.withResolvers<void>();
  const lateMs: number[] = [];
  scheduler.registerJob({
    kind: "work",
    execute(_task, { scheduledFor }) {
      lateMs.push(Date.now() - scheduledFor.getTime());
      if (lateMs.length === seconds * 1_000) all.resolve();
    },
  });
  await scheduler.start();
  const from = Date.now() + 500;
  await scheduler.scheduleJobs(
    Array.from({ length: seconds * 1_000 }, (_, index) => ({
      slug: `task-${index}`,
      job: "work",
      when: new Date(from + index),
    })),
  );
  await all.promise;
  print(
    "lateness at 1,000 tasks/s",
    `p50 ${percentile(lateMs, 50)} ms, p99 ${percentile(lateMs, 99)} ms`,
  );
}

console.log(`Memory store, ${TASKS.toLocaleString("en")} tasks`);
await storeAlone();
await wholeScheduler(10);
await wholeScheduler(1_000);
await lateness();
