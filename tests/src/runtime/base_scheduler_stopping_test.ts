import { assertEquals, assertRejects } from "@std/assert";
import { SchedulerError } from "../../../src/api/errors.ts";
import type { StopOptions } from "../../../src/api/scheduler.ts";
import { at, blocker, recorder, Stage, watched } from "../../helpers/stage.ts";

Deno.test("a scheduler that is not started runs nothing, and stops at once", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJob("a", work);
  await clock.step(1_000);
  await scheduler.stop();
  assertEquals(work.runs, []);
});

Deno.test("a scheduler is started once", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const first = scheduler.start();
  await assertRejects(
    () => scheduler.start(),
    SchedulerError,
    "started already",
  );
  await first;
  await assertRejects(
    () => scheduler.start(),
    SchedulerError,
    "started already",
  );
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  assertEquals(work.runs, ["a 0"]);
});

Deno.test("stop may be called twice, at once or later", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  await scheduler.start();
  await Promise.all([scheduler.stop(), scheduler.stop()]);
  await scheduler.stop();

  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stops = [scheduler.stop(), scheduler.stop()].map(watched);
  await clock.step(10);
  work.letGo();
  await clock.settle();
  assertEquals(stops.map(({ over }) => over), [true, true]);
});

Deno.test("stop refuses a timeout that is none, and goes on running", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  for (const timeoutMs of [-1, NaN, "5" as unknown as number]) {
    await assertRejects(
      () => scheduler.stop({ timeoutMs }),
      RangeError,
      "expected a number of milliseconds from 0 to 100 years, or Infinity",
    );
  }
  await scheduler.scheduleJob("a", work);
  await clock.settle();
  assertEquals(work.runs, ["a 0"]);
});

Deno.test("stop may wait for ever", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stopped = watched(scheduler.stop({ timeoutMs: Infinity }));
  await clock.step(3_600_000);
  assertEquals([stopped.over, work.signals[0].aborted], [false, false]);
  work.letGo();
  await clock.settle();
  assertEquals(stopped.over, true);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("stop may wait for longer than a timer can", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stopped = watched(scheduler.stop({ timeoutMs: 2 ** 31 }));
  await clock.step(1_000);
  assertEquals([stopped.over, work.signals[0].aborted], [false, false]);
  work.letGo();
  await clock.step(10);
  assertEquals(stopped.over, true);
});

Deno.test("leases are renewed while stop waits", async () => {
  await using stage = new Stage({ leaseMs: 1_000 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stopped = scheduler.stop({ timeoutMs: 60_000 });
  await clock.step(30_000);
  assertEquals(work.signals[0].aborted, false);
  assertEquals(store.count("renew") >= 80, true);
  work.letGo();
  await stopped;
});

Deno.test("what is claimed while it stops is handed back", async () => {
  await using stage = new Stage({ concurrency: 2 });
  const { scheduler, clock, store, memory } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", { delayMs: 500 });
  await scheduler.scheduleJobs(
    ["a", "b", "c"].map((slug) => ({ slug, job: work })),
  );
  await clock.step(100);
  const stopped = watched(scheduler.stop());
  await clock.step(399);
  assertEquals(stopped.over, false);
  await clock.step(1);
  assertEquals([stopped.over, work.runs], [true, []]);
  assertEquals(store.count("lock"), 1);
  for (const slug of ["a", "b", "c"]) {
    const { status, retry, when } = (await memory.get(slug))!;
    assertEquals([status, retry, when], ["scheduled", 0, at(0)]);
  }
});

Deno.test("results that are on their way when it stops arrive", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("reschedule", "reject", 3);
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stopped = watched(scheduler.stop());
  await clock.step(2_000);
  assertEquals(stopped.over, true);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("stop gives up on a store that takes no results, and leaves nothing", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("reschedule", "reject");
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stopped = watched(scheduler.stop());
  await clock.step(4_999);
  assertEquals(stopped.over, false);
  await clock.step(1);
  assertEquals([stopped.over, clock.sleepers], [true, 0]);
});

Deno.test("stop does not wait for a pause during an outage to end", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  store.break("lock", "reject");
  await scheduler.scheduleJob("a", "work");
  await clock.step(60_000);
  const stopped = watched(scheduler.stop());
  await clock.settle();
  assertEquals([stopped.over, clock.sleepers], [true, 0]);
});

Deno.test("stop leaves no renewal behind", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  store.break("renew", { delayMs: 1_000 });
  await clock.step(1_500);
  work.letGo();
  const stopped = watched(scheduler.stop());
  await clock.step(499);
  assertEquals(stopped.over, false);
  await clock.step(1);
  assertEquals(stopped.over, true);
});

Deno.test("start with a signal that has aborted rejects with its reason", async () => {
  await using stage = new Stage();
  const { scheduler, store } = stage;
  const reason = new Error("no");
  const error = await assertRejects(
    () => scheduler.start(AbortSignal.abort(reason)),
  );
  assertEquals(error, reason);
  assertEquals(store.count("watch"), 0);
  await scheduler.start();
});

Deno.test("start rejects when the store cannot be used, and can be tried again", async () => {
  for (const call of ["watch", "nextRun"] as const) {
    await using stage = new Stage();
    const { scheduler, clock, store } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    await scheduler.scheduleJob("a", work);
    store.break(call, "reject");
    const abort = new AbortController();
    await assertRejects(
      () => scheduler.start(abort.signal),
      Error,
      `${call} failed`,
    );
    assertEquals([clock.sleepers, store.watches], [0, 0]);
    store.heal();
    await scheduler.start();
    abort.abort();
    await clock.step(10);
    assertEquals(work.runs, ["a 0"]);
  }
});

Deno.test("stop during a start stops what has started, and start rejects", async () => {
  for (const call of ["watch", "nextRun"] as const) {
    await using stage = new Stage();
    const { scheduler, clock, store } = stage;
    store.break(call, { delayMs: 100 });
    const starting = scheduler.start();
    const started = watched(starting);
    await clock.settle();
    const stopped = watched(scheduler.stop());
    await clock.step(99);
    assertEquals([started.over, stopped.over], [false, false]);
    await clock.step(1);
    assertEquals([started.over, stopped.over], [true, true]);
    await assertRejects(
      () => starting,
      SchedulerError,
      "Cannot start the scheduler: it was stopped",
    );
    assertEquals([clock.sleepers, store.watches], [0, 0]);
    assertEquals(store.count("nextRun"), call === "watch" ? 0 : 1);
  }
});

Deno.test("stop during a start that fails is no error", async () => {
  await using stage = new Stage();
  const { scheduler, store } = stage;
  store.break("watch", "reject");
  const failing = scheduler.start();
  const stopping = scheduler.stop();
  await assertRejects(() => failing, Error, "watch failed");
  await stopping;
  store.heal();
  await scheduler.start();
});

Deno.test("a start whose signal aborts meanwhile rejects with its reason", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  store.break("watch", { delayMs: 100 });
  const abort = new AbortController();
  const starting = scheduler.start(abort.signal);
  starting.catch(() => {});
  const reason = new Error("no");
  abort.abort(reason);
  await clock.step(100);
  assertEquals(await assertRejects(() => starting), reason);
  assertEquals([clock.sleepers, store.watches], [0, 0]);
  store.heal();
  await scheduler.start();
});

Deno.test("a store that hangs while it starts holds up no stop", async () => {
  for (const call of ["watch", "nextRun"] as const) {
    await using stage = new Stage();
    const { scheduler, clock, store } = stage;
    store.break(call, "hang");
    const started = scheduler.start();
    started.catch(() => {});
    const stopped = watched(scheduler.stop());
    await clock.step(20_000);
    assertEquals(stopped.over, true, `${call} holds it up`);
    store.heal();
    await assertRejects(
      () => started,
      SchedulerError,
      "Cannot start the scheduler: it was stopped",
    );
    assertEquals([clock.sleepers, store.watches], [0, 0]);
    await scheduler.start();
  }
});

Deno.test("a stop waits for a store that hangs while it starts no longer than it may", async () => {
  for (
    const [timeoutMs, longestMs] of [[0, 0], [300, 300], [Infinity, 5_000]]
  ) {
    await using stage = new Stage();
    const { scheduler, clock, store } = stage;
    store.break("watch", "hang");
    scheduler.start().catch(() => {});
    const stopped = watched(scheduler.stop({ timeoutMs }));
    await clock.step(Math.max(0, longestMs - 1));
    assertEquals(stopped.over, longestMs === 0);
    await clock.step(1);
    assertEquals(stopped.over, true);
    store.heal();
    await clock.step(0);
    assertEquals([clock.sleepers, store.watches], [0, 0]);
  }
});

Deno.test("a later stop with an earlier deadline counts", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  const stops = [
    scheduler.stop({ timeoutMs: Infinity }),
    scheduler.stop({ timeoutMs: 60_000 }),
  ].map(watched);
  await clock.step(10);
  await scheduler.stop({ timeoutMs: 0 });
  assertEquals(stops.map(({ over }) => over), [true, true]);
  assertEquals(work.signals[0].aborted, true);
  work.letGo();
});

Deno.test("a start while it stops says so", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  await scheduler.start();
  const stopped = scheduler.stop();
  await assertRejects(
    () => scheduler.start(),
    SchedulerError,
    "it is stopping; expected stop() to have resolved",
  );
  await stopped;
  await scheduler.start();
});

Deno.test("stop and the like refuse options that do not exist", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  await assertRejects(
    () => scheduler.stop({ timeout: 5 } as StopOptions),
    TypeError,
    'Cannot stop the scheduler with the option "timeout": perhaps "timeoutMs"',
  );
});
