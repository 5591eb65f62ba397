import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Clock } from "../../../src/api/clock.ts";
import {
  JobNotFoundError,
  JobNotLockedError,
} from "../../../src/api/errors.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { blocker, recorder, Stage } from "../../helpers/stage.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

/** A clock of a process that can be stopped: time goes on, nobody wakes. */
class PausableClock implements Clock {
  readonly #clock: SteppedClock;
  #lost = 0;

  constructor(clock: SteppedClock) {
    this.#clock = clock;
  }

  pause(ms: number): void {
    this.#lost += ms;
    this.#clock.jump(ms);
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic() + this.#lost;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  random(): number {
    return this.#clock.random();
  }
}

Deno.test("a job runs for hours under a short lease, while others look for work", async () => {
  await using stage = new Stage({ leaseMs: 1_000 });
  await using other = stage.another();
  const { scheduler, clock } = stage;
  const work = blocker();
  const stolen = recorder(clock);
  scheduler.registerJob(work);
  other.registerJob(stolen);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await other.start();
  await clock.step(600_000);
  work.letGo();
  await clock.step(10);
  assertEquals([stolen.runs, work.signals[0].aborted], [[], false]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("all leases of a process are renewed in one batch", async () => {
  await using stage = new Stage({ leaseMs: 30_000, concurrency: 50 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.scheduleJobs(
    Array.from({ length: 50 }, (_, index) => ({ slug: `${index}`, job: work })),
  );
  await scheduler.start();
  await clock.step(60_005);
  assertEquals([work.signals.length, store.count("renew")], [50, 6]);
  work.letGo();
});

Deno.test("the work of a process that died is taken over when its lease ends", async () => {
  await using stage = new Stage({ heartbeatMs: 86_400_000 });
  const { scheduler, clock, memory } = stage;
  await scheduler.scheduleJob("a", "work");
  await memory.lock({ kinds: ["work"], limit: 1, leaseMs: 30_000 });
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await clock.step(29_999);
  assertEquals(work.runs, []);
  await clock.step(1);
  assertEquals(work.runs, ["a 30000"]);
});

Deno.test("a process that was stopped for longer than its lease ends its jobs", async () => {
  const stepped = new SteppedClock();
  const clock = new PausableClock(stepped);
  await using stage = new Stage({ clock, leaseMs: 3_000 });
  const { scheduler, logger, memory } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await stepped.step(500);
  clock.pause(60_000);
  const [taken] = await memory.lock({
    kinds: ["work"],
    limit: 1,
    leaseMs: 60_000,
  });
  assertEquals(work.signals[0].aborted, false);
  await stepped.step(1_000);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
  await stepped.step(1_000);
  assertEquals(await memory.get("a"), taken);
  assertEquals(logger.messages("error"), []);
});

Deno.test("what a job did beyond its lease counts, if nobody took over", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, store } = stage;
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  scheduler.registerJob({
    kind: "work",
    async execute(task, { signal }) {
      runs++;
      await gate.promise;
      task.result = `aborted: ${signal.aborted}`;
      return task;
    },
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", {
    delayMs: 0,
    trigger: new SimpleTrigger(1_000_000),
  });
  await clock.step(10);
  store.break("renew", "reject");
  store.break("lock", "reject");
  await clock.step(4_000);
  gate.resolve();
  await clock.step(10);
  const { result, status } = await scheduler.getScheduledJob("a");
  assertEquals([result, status, runs], ["aborted: true", "scheduled", 1]);
  store.heal();
  await clock.step(10_000);
  assertEquals(runs, 1);
});

Deno.test("a job whose lease ran out fails without using up a retry", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, store } = stage;
  const retries: number[] = [];
  scheduler.registerJob({
    kind: "work",
    execute(task, { signal }) {
      retries.push(task.retry);
      if (retries.length > 1) return;
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work");
  await clock.step(10);
  store.break("renew", "reject");
  await clock.step(20_000);
  assertEquals(retries, [0, 0]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("deleting a task tells its job to end, and nothing comes back", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  const work = blocker();
  scheduler.registerJob(work, { trigger: new SimpleTrigger(1_000) });
  await scheduler.start();
  await scheduler.scheduleJobs(
    ["a", "b"].map((slug) => ({ slug, job: work, delayMs: 0 })),
  );
  await clock.step(10);
  await scheduler.deleteJob("a");
  assertEquals(work.signals.map(({ aborted }) => aborted), [true, false]);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
  await clock.step(10);
  await assertRejects(() => scheduler.getScheduledJob("a"), JobNotFoundError);
  assertEquals(await scheduler.getJobSlugs(), ["b"]);
  assertEquals(logger.messages("warn", "error"), []);
});

Deno.test("replacing a task tells its job to end, and the new one runs", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  scheduler.registerJob({
    kind: "work",
    async execute(task, { signal }) {
      seen.push(task.text());
      signals.push(signal);
      if (task.text() === "old") await gate.promise;
    },
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", { payload: "old" });
  await scheduler.scheduleJob("b", "work", { payload: "other", delayMs: 1e6 });
  await clock.step(10);
  await scheduler.scheduleJob("a", "work", {
    payload: "new",
    onConflict: "replace",
    delayMs: 100,
  });
  assertInstanceOf(signals[0].reason, JobNotLockedError);
  gate.resolve();
  await clock.step(99);
  assertEquals(seen, ["old"]);
  await clock.step(1);
  assertEquals(seen, ["old", "new"]);
  assertEquals(await scheduler.getJobSlugs(), ["b"]);
});

Deno.test("keeping a task, or failing to replace it, leaves its job alone", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await scheduler.scheduleJob("a", work, { onConflict: "keep" });
  await assertRejects(() => scheduler.scheduleJob("a", work));
  store.break("create", "reject");
  await assertRejects(() =>
    scheduler.scheduleJob("a", work, { onConflict: "replace" })
  );
  store.break("delete", "reject");
  await assertRejects(() => scheduler.deleteJob("a"));
  store.break("clear", "reject");
  await assertRejects(() => scheduler.clear());
  assertEquals(work.signals[0].aborted, false);
  work.letGo();
});

Deno.test("clear tells all jobs to end", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = blocker();
  scheduler.registerJob(work, { trigger: new SimpleTrigger(1_000) });
  await scheduler.start();
  await scheduler.scheduleJobs(
    ["a", "b"].map((slug) => ({ slug, job: work, delayMs: 0 })),
  );
  await clock.step(10);
  await scheduler.clear();
  assertEquals(work.signals.map(({ aborted }) => aborted), [true, true]);
  work.letGo();
  await clock.step(10_000);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a job that lost its task frees its slot when it ends", async () => {
  await using stage = new Stage({ concurrency: 1 });
  const { scheduler, clock } = stage;
  const next = recorder(clock);
  scheduler.registerJob(next);
  await scheduler.start();
  for (let round = 0; round < 4; round++) {
    const work = blocker(`long ${round}`);
    scheduler.registerJob(work);
    await scheduler.scheduleJob("a", work);
    await clock.step(10);
    await scheduler.scheduleJob("b", next);
    await scheduler.deleteJob("a");
    await clock.step(50);
    assertEquals(next.runs.length, round);
    work.letGo();
    await clock.step(10);
    assertEquals(next.runs.length, round + 1);
  }
});

Deno.test("a lease counts from when it was asked for", async () => {
  await using stage = new Stage({ leaseMs: 30_000 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", { delayMs: 4_000 }, 1);
  store.break("renew", "reject");
  await scheduler.scheduleJob("a", work);
  await clock.step(9_999);
  assertEquals(store.count("renew"), 0);
  await clock.step(1);
  assertEquals(store.count("renew"), 1);
  await clock.step(19_999);
  assertEquals(work.signals[0].aborted, false);
  await clock.step(1);
  assertEquals(work.signals[0].aborted, true);
  work.letGo();
});

Deno.test("a loss that another process caused is known within a third of the lease", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, memory } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await memory.delete("a");
  await clock.step(990);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
});
