/** Stopping is graceful: jobs finish, what cannot is handed back, nothing is left. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import { SchedulerError } from "../../src/api/errors.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { at, blocker, recorder, Stage, watched } from "../helpers/stage.ts";

Deno.test("stop waits for running jobs, claims nothing more, and keeps what they did", async () => {
  await using stage = new Stage({ concurrency: 2 });
  const { scheduler, clock } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.scheduleJobs(
    ["a", "b", "c"].map((slug, index) => ({
      slug,
      job: work,
      when: at(index - 10),
    })),
  );
  await scheduler.start();
  await clock.step(10);
  const stopped = watched(scheduler.stop());
  await clock.step(9_000);
  assertEquals(stopped.over, false);
  await scheduler.scheduleJob("d", work);
  work.letGo();
  await clock.settle();
  assertEquals(stopped.over, true);
  assertEquals(work.signals.map(({ aborted }) => aborted), [false, false]);
  assertEquals(await scheduler.getJobSlugs(), ["c", "d"]);
});

Deno.test("stop aborts what misses the deadline and hands it back as it was", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { payload: "precious" });
  await clock.step(10);
  const stopped = watched(scheduler.stop({ timeoutMs: 500 }));
  await clock.step(499);
  assertEquals([stopped.over, work.signals[0].aborted], [false, false]);
  await clock.step(1);
  assertEquals([stopped.over, work.signals[0].aborted], [true, true]);
  assertInstanceOf(work.signals[0].reason, SchedulerError);
  const { status, retry, result, nextRunTime } = await scheduler
    .getScheduledJob("a");
  assertEquals([status, retry, result, nextRunTime], [
    "scheduled",
    0,
    "",
    at(0),
  ]);
  assertEquals(logger.messages("warn"), [
    'Handed "a" back: its job did not end in time',
  ]);

  // What it still does counts no more: another may run it by now.
  const successor = stage.another();
  const again = recorder(clock);
  successor.registerJob(again);
  await successor.start();
  await clock.step(10);
  work.letGo();
  await clock.step(10);
  await successor.stop();
  assertEquals(again.runs, ["a 0"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a job that heeds its signal at the deadline loses no retry", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  scheduler.registerJob({
    kind: "work",
    execute: (_task, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      ),
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", {
    trigger: new SimpleTrigger(1_000),
  });
  await clock.step(1_000);
  const stopped = scheduler.stop({ timeoutMs: 0 });
  await clock.settle();
  await stopped;
  const { status, retry, result, nextRunTime } = await scheduler
    .getScheduledJob("a");
  assertEquals([status, retry, result, nextRunTime], [
    "scheduled",
    0,
    "",
    at(1_000),
  ]);
  assertEquals(logger.messages("warn", "error"), []);
});

Deno.test("a job that saves its work at the deadline has it kept", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  scheduler.registerJob({
    kind: "work",
    execute: (task, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          task.result = "half done";
          resolve(task);
        })
      ),
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", {
    trigger: new SimpleTrigger(1_000),
  });
  await clock.step(1_000);
  const stopped = scheduler.stop({ timeoutMs: 0 });
  await clock.settle();
  await stopped;
  const { result, nextRunTime } = await scheduler.getScheduledJob("a");
  assertEquals([result, nextRunTime], ["half done", at(2_000)]);
});

Deno.test("a scheduler that was stopped runs nothing more, until it is started again", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJob("a", work, { trigger: new SimpleTrigger(100) });
  for (let round = 0; round < 3; round++) {
    await scheduler.start();
    await clock.step(100);
    await scheduler.stop();
    assertEquals([clock.sleepers, store.watches], [0, 0]);
    await clock.step(900);
  }
  // On its return it first runs what it missed, once.
  assertEquals(work.runs, [
    "a 100",
    "a 1000",
    "a 1100",
    "a 2000",
    "a 2100",
  ]);
});

Deno.test("the abort of start's signal stops it gracefully, and its listener goes", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  const abort = new AbortController();
  const { signal } = abort;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    Reflect.apply(removeEventListener, signal, args);
  };
  await scheduler.start(signal);
  assertEquals(listeners, 1);
  await scheduler.stop();
  assertEquals(listeners, 0);

  await scheduler.start(signal);
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  abort.abort();
  await clock.step(10);
  assertEquals(work.signals[0].aborted, false);
  work.letGo();
  await clock.settle();
  assertEquals([clock.sleepers, store.watches, listeners], [0, 0, 0]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a store that hangs for ever holds up no stop", async () => {
  for (const call of ["lock", "nextRun", "renew", "reschedule"] as const) {
    await using stage = new Stage({ leaseMs: 3_000 });
    const { scheduler, clock, store } = stage;
    const work = blocker();
    const quick = recorder(clock, "quick");
    scheduler.registerJob(work);
    scheduler.registerJob(quick);
    await scheduler.start();
    await scheduler.scheduleJob("a", work);
    await clock.step(10);
    store.break(call, "hang");
    await scheduler.scheduleJob("b", quick);
    await clock.step(1_000);
    const stopped = watched(scheduler.stop({ timeoutMs: 2_000 }));
    await clock.step(2_000 + 5_000);
    assertEquals(stopped.over, true, `${call} holds it up`);
    assertEquals(work.signals[0].aborted, true);
    work.letGo();
    store.heal();
    await clock.step(10_000);
  }
});

Deno.test("leaving the block that uses it stops the scheduler", async () => {
  await using stage = new Stage();
  const { clock } = stage;
  {
    await using scheduler = stage.another();
    await scheduler.start();
    assertEquals(clock.sleepers, 1);
  }
  assertEquals(clock.sleepers, 0);
});
