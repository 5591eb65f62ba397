/** One bad member never holds up its batch. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { FixedBackoff } from "../../src/core/backoff.ts";
import type { Job } from "../../src/api/job.ts";
import type { Logger } from "../../src/api/logger.ts";
import type { StoreTask } from "../../src/api/task.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { newTask } from "../conformance/store_harness.ts";
import { job, recorder, Stage } from "../helpers/stage.ts";

/** A logger each of whose methods does the same. */
function loggerOf(say: () => unknown): Logger {
  const levels = ["debug", "info", "warn", "error"];
  return Object.fromEntries(levels.map((level) => [level, say])) as unknown as
    & Logger
    & Record<string, unknown>;
}

Deno.test("whatever a job throws or answers, the others go on", async () => {
  await using stage = new Stage({ concurrency: 3 });
  const { scheduler, clock } = stage;
  const nasty: unknown[] = [
    undefined,
    null,
    Object.create(null),
    Object.assign(new Error(), { message: { code: 1 } }),
    new Proxy({}, {
      get() {
        throw new Error("hands off");
      },
    }),
  ];
  const late = (value: unknown) => clock.sleep(1).then(() => value);
  const executions: (() => unknown)[] = nasty.flatMap((value) => [
    () => {
      throw value;
    },
    async () => {
      await late(value);
      throw value;
    },
    () => value,
    () => ({
      then() {
        throw value;
      },
    }),
    (task: StoreTask) => Object.assign(task, { payload: value }),
  ]) as (() => unknown)[];
  executions.forEach((execute, index) =>
    scheduler.registerJob({ kind: `nasty ${index}`, execute } as Job, {
      backoff: new FixedBackoff([]),
    })
  );
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJobs(executions.map((_, index) => ({
    slug: `nasty ${index}`,
    job: `nasty ${index}`,
  })));
  await scheduler.scheduleJob("good", work, { delayMs: 5 });
  await scheduler.start();
  await clock.step(100);
  assertEquals(work.runs, ["good 5"]);
  for (const slug of await scheduler.getJobSlugs()) {
    assertEquals((await scheduler.getScheduledJob(slug)).status, "failed");
  }
});

Deno.test("triggers and backoffs that make no sense park the task, and block nothing", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const answers: unknown[] = [
    new Date(NaN),
    new Date(8e15),
    new Date(-1),
    null,
    5,
    "x",
  ];
  answers.forEach((answer, index) => {
    const date = () => answer as Date;
    scheduler.registerJob(job(() => {}, `trigger ${index}`), {
      trigger: { nextFireTime: date },
    });
    scheduler.registerJob(
      job(() => {
        throw new Error("no luck");
      }, `backoff ${index}`),
      { backoff: { nextRetryTime: date } },
    );
  });
  const kinds = answers.flatMap((_, index) => [
    `trigger ${index}`,
    `backoff ${index}`,
  ]);
  await scheduler.scheduleJobs(
    kinds.map((kind) => ({ slug: kind, job: kind, delayMs: 0 })),
  );
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJob("good", work, { delayMs: 5 });
  await scheduler.start();
  await clock.step(100);
  assertEquals(work.runs, ["good 5"]);
  assertEquals((await scheduler.getJobSlugs()).length, kinds.length);
  for (const kind of kinds) {
    const { status, result } = await scheduler.getScheduledJob(kind);
    assertEquals(status, "failed");
    assertStringIncludes(result, "Cannot ");
  }
});

Deno.test("a stored trigger that cannot be read fails the run, and keeps the task", async () => {
  await using stage = new Stage();
  const { scheduler, clock, memory } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work, { backoff: new FixedBackoff([1_000]) });
  await memory.create([
    newTask("a", { trigger: '{"type":"from the future"}' }),
  ]);
  await scheduler.start();
  await clock.step(10_000);
  assertEquals(work.runs, []);
  const { status, result, retry, trigger } = await scheduler.getScheduledJob(
    "a",
  );
  assertEquals([status, retry], ["failed", 2]);
  assertStringIncludes(result, "Cannot restore the trigger");
  assertEquals(trigger, '{"type":"from the future"}');
});

Deno.test("a logger that throws or rejects holds no run up", async () => {
  const broken = [
    loggerOf(() => {
      throw new Error("disk full");
    }),
    loggerOf(() => Promise.reject(new Error("disk full"))),
  ];
  for (const logger of broken) {
    await using stage = new Stage({ logger });
    const { scheduler, clock } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    scheduler.registerJob("bad", () => {
      throw new Error("bad");
    });
    await scheduler.start();
    await scheduler.scheduleJob("a", "bad");
    await scheduler.scheduleJob("b", work);
    await clock.step(10);
    assertEquals(work.runs, ["b 0"]);
    assertEquals((await scheduler.getScheduledJob("a")).retry, 1);
  }
});

Deno.test("a listener of a store that throws holds up no other, and no operation", async () => {
  await using stage = new Stage();
  const { scheduler, clock, memory } = stage;
  let heard = 0;
  await using _bad = await memory.watch(() => {
    heard++;
    throw new Error("broken listener");
  });
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await using _worse = await memory.watch(() => {
    throw new Error("another");
  });
  assertEquals(await scheduler.scheduleJob("a", work), "created");
  await clock.step(0);
  // The scheduler heard of it all the same: it has not waited for a heartbeat.
  assertEquals([heard, work.runs], [1, ["a 0"]]);
  scheduler.registerJob("again", () => {}, {
    trigger: new SimpleTrigger(1_000),
  });
  await scheduler.scheduleJob("b", "again", { delayMs: 0 });
  await clock.step(0);
  const { status, retry } = await scheduler.getScheduledJob("b");
  // What was settled stays settled.
  assertEquals([heard, status, retry], [3, "scheduled", 0]);
});
