import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ExponentialBackoff, FixedBackoff } from "../../../src/core/backoff.ts";
import type { Job } from "../../../src/api/job.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import type { StoreTask } from "../../../src/api/task.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { newTask } from "../../conformance/store_harness.ts";
import { at, blocker, recorder, Stage } from "../../helpers/stage.ts";

function job(execute: Job["execute"], kind = "work"): Job {
  return { kind, execute };
}

Deno.test("a one-off runs once, when it is due, and is gone", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("later", work, { delayMs: 1_500 });
  await scheduler.scheduleJob("now", work);
  await clock.step(1_499);
  assertEquals(work.runs, ["now 0"]);
  await clock.step(100_000);
  assertEquals(work.runs, ["now 0", "later 1500"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a recurring task runs at each fire time, without drift", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const starts: number[] = [];
  const slow = job(async () => {
    starts.push(stage.elapsed);
    await clock.sleep(300);
  });
  scheduler.registerJob(slow);
  await scheduler.start();
  await scheduler.scheduleJob("a", slow, { trigger: new SimpleTrigger(1_000) });
  await clock.step(5_500);
  assertEquals(starts, [1_000, 2_000, 3_000, 4_000, 5_000]);
});

Deno.test("a job that takes longer than its interval never overlaps itself", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const starts: number[] = [];
  const slow = job(async () => {
    starts.push(stage.elapsed);
    await clock.sleep(2_500);
  });
  scheduler.registerJob(slow);
  await scheduler.start();
  await scheduler.scheduleJob("a", slow, { trigger: new SimpleTrigger(1_000) });
  await clock.step(10_600);
  assertEquals(starts, [1_000, 4_000, 7_000, 10_000]);
  await clock.step(2_000);
});

Deno.test("the kind's trigger makes its tasks recur, a task's own comes first", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work, { trigger: new SimpleTrigger(300) });
  await scheduler.start();
  await scheduler.scheduleJob("kind's", work);
  await scheduler.scheduleJob("own", work, { trigger: new SimpleTrigger(400) });
  await clock.step(900);
  assertEquals(work.runs, [
    "kind's 300",
    "own 400",
    "kind's 600",
    "own 800",
    "kind's 900",
  ]);
});

Deno.test("a kind's trigger needs no stored form", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  const twice: Trigger = {
    nextFireTime: (prev) =>
      prev < at(200) ? new Date(prev.getTime() + 100) : undefined,
  };
  scheduler.registerJob(work, { trigger: twice });
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(1_000);
  assertEquals(work.runs, ["a 100", "a 200"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("retries come at the times of the backoff, then a one-off is parked", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const seen: unknown[] = [];
  const work = job((task, { scheduledFor }) => {
    seen.push([stage.elapsed, task.retry, task.result, task.isOK()]);
    assertEquals(scheduledFor, at(0));
    throw new Error(`no luck at ${stage.elapsed}`);
  });
  scheduler.registerJob(work, {
    backoff: new ExponentialBackoff({ maxRetries: 3 }),
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(86_400_000);
  assertEquals(seen, [
    [0, 0, "", true],
    [10_000, 1, "no luck at 0", false],
    [30_000, 2, "no luck at 10000", false],
    [70_000, 3, "no luck at 30000", false],
  ]);
  const { status, retry, result, nextRunTime } = await scheduler
    .getScheduledJob("a");
  assertEquals(
    [status, retry, result, nextRunTime],
    ["failed", 4, "no luck at 70000", undefined],
  );
  await scheduler.scheduleJob("a", work, { onConflict: "replace" });
  await clock.step(0);
  assertEquals(seen.length, 5);
});

Deno.test("a job that fails for ever is tried for ever by default", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  let runs = 0;
  scheduler.registerJob(job(() => {
    runs++;
    throw new Error("no luck");
  }));
  await scheduler.start();
  await scheduler.scheduleJob("a", "work");
  await clock.step(86_400_000);
  // 10, 20, 40 … 320 s, then each 10 minutes.
  assertEquals(runs, 7 + Math.floor((86_400 - 630) / 600));
  assertEquals((await scheduler.getScheduledJob("a")).status, "scheduled");
});

Deno.test("a recurring task retries, then goes on in its own series", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const seen: unknown[] = [];
  const work = job((task, { scheduledFor }) => {
    seen.push([stage.elapsed, task.retry, scheduledFor.getTime()]);
    if (stage.elapsed < 22_000) throw new Error("no luck");
  });
  scheduler.registerJob(work, { backoff: new FixedBackoff([300, 500]) });
  await scheduler.start();
  await scheduler.scheduleJob("a", work, {
    trigger: new SimpleTrigger(10_000),
  });
  await clock.step(40_000);
  assertEquals(seen, [
    [10_000, 0, at(10_000).getTime()],
    [10_300, 1, at(10_000).getTime()],
    [10_800, 2, at(10_000).getTime()],
    [20_000, 0, at(20_000).getTime()],
    [20_300, 1, at(20_000).getTime()],
    [20_800, 2, at(20_000).getTime()],
    [30_000, 0, at(30_000).getTime()],
    [40_000, 0, at(40_000).getTime()],
  ]);
});

Deno.test("payload and result last from run to run", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const counted: string[] = [];
  const count = job((task) => {
    const { n } = task.json<{ n: number }>();
    counted.push(`${n} ${task.result}`);
    task.payload = new TextEncoder().encode(JSON.stringify({ n: n + 1 }));
    task.result = `run ${n}`;
    return task;
  });
  scheduler.registerJob(count);
  await scheduler.start();
  await scheduler.scheduleJob("a", count, {
    payload: { n: 1 },
    trigger: new SimpleTrigger(1_000),
  });
  await clock.step(3_000);
  assertEquals(counted, ["1 ", "2 run 1", "3 run 2"]);
});

Deno.test("a run that fails keeps the payload and the trigger", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = job((task) => {
    task.payload.fill(0);
    throw new Error("no luck");
  });
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, {
    payload: "precious",
    trigger: new SimpleTrigger(60_000),
    delayMs: 0,
  });
  await clock.step(5_000);
  const { payload, trigger } = await scheduler.getScheduledJob("a");
  assertEquals(new TextDecoder().decode(payload), '"precious"');
  assertEquals(trigger, '{"type":"simple","intervalMs":60000}');
});

Deno.test("null removes a recurring task, nothing does not", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  let runs = 0;
  scheduler.registerJob(job(() => ++runs < 3 ? undefined : null));
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", { trigger: new SimpleTrigger(10) });
  await clock.step(1_000);
  assertEquals([runs, await scheduler.getJobSlugs()], [3, []]);
});

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

Deno.test("a failure is logged, with what follows", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  const work = job(() => {
    throw new Error("no luck");
  });
  scheduler.registerJob(work, { backoff: new FixedBackoff([1_000]) });
  await scheduler.scheduleJob("a", work);
  await scheduler.start();
  await clock.step(2_000);
  assertEquals(logger.messages("warn"), [
    'Run of "a" failed, it runs again at 2026-01-01T00:00:01.001Z: no luck',
    'Run of "a" failed, it stays as failed: no luck',
  ]);
});

Deno.test("no more jobs run at once than allowed, and no fewer than there are", async () => {
  await using stage = new Stage({ concurrency: 3 });
  const { scheduler, clock, store } = stage;
  let running = 0;
  let most = 0;
  const ends: number[] = [];
  const slow = job(async (task) => {
    most = Math.max(most, ++running);
    await clock.sleep(100 + Number(task.slug));
    running--;
    ends.push(stage.elapsed);
  });
  scheduler.registerJob(slow);
  await scheduler.scheduleJobs(
    Array.from({ length: 12 }, (_, index) => ({
      slug: `${index}`,
      job: slow,
      when: at(index - 1_000),
    })),
  );
  await scheduler.start();
  await clock.step(1_000);
  assertEquals([most, ends.length, await scheduler.getJobSlugs()], [3, 12, []]);
  // Three at a time: a slot is never left empty while there is work.
  assertEquals(ends[11] < 4 * 112, true);
  assertEquals(store.requests.every(({ limit }) => limit <= 3), true);
});

Deno.test("long jobs do not keep short ones from the other slots", async () => {
  await using stage = new Stage({ concurrency: 2 });
  const { scheduler, clock } = stage;
  const long = blocker("long");
  const short = recorder(clock, "short");
  scheduler.registerJob(long);
  scheduler.registerJob(short);
  await scheduler.start();
  await scheduler.scheduleJob("long", long);
  await clock.step(10);
  for (let index = 0; index < 5; index++) {
    await scheduler.scheduleJob(`${index}`, short, { delayMs: 10 * index });
  }
  await clock.step(100);
  assertEquals(short.runs, ["0 10", "1 20", "2 30", "3 40", "4 50"]);
  long.letGo();
});

Deno.test("the soonest task goes first, whatever its kind", async () => {
  await using stage = new Stage({ concurrency: 1 });
  const { scheduler, clock } = stage;
  const order: string[] = [];
  const record: Job["execute"] = async ({ slug }) => {
    order.push(slug);
    await clock.sleep(1);
  };
  scheduler.registerJob(job(record, "flood"));
  scheduler.registerJob(job(record, "rare"));
  await scheduler.scheduleJobs([
    ...Array.from({ length: 20 }, (_, index) => ({
      slug: `flood ${index}`,
      job: "flood",
      when: at(-1_000 + 10 * index),
    })),
    { slug: "rare", job: "rare", when: at(-955) },
  ]);
  await scheduler.start();
  await clock.step(100);
  assertEquals(order.indexOf("rare"), 5);
  assertEquals(order.length, 21);
});

Deno.test("a kind that is registered while the scheduler runs is run at once", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  await scheduler.start();
  await scheduler.scheduleJob("a", "work");
  await clock.step(10);
  assertEquals(await scheduler.getJobSlugs(), ["a"]);
  const work = recorder(clock);
  scheduler.registerJob(work);
  await clock.settle();
  assertEquals(work.runs, ["a 0"]);
});

Deno.test("a job may schedule and delete tasks, its own too", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const chain: string[] = [];
  const link = job(async ({ slug }) => {
    chain.push(slug);
    const n = Number(slug);
    if (n < 3) await scheduler.scheduleJob(`${n + 1}`, "work");
    else await scheduler.deleteJob(slug);
  });
  scheduler.registerJob(link);
  await scheduler.start();
  await scheduler.scheduleJob("0", link, { trigger: new SimpleTrigger(1e9) });
  await clock.step(1e9);
  assertEquals(chain, ["0", "1", "2", "3"]);
  assertEquals(await scheduler.getJobSlugs(), ["0"]);
});

Deno.test("jobs that never wait let timers go off during a long drain", async () => {
  const store = new MemoryStore();
  await using scheduler = new StdScheduler(store, { concurrency: 100 });
  const count = 200_000;
  await store.create(
    Array.from({ length: count }, (_, index) => newTask(`task-${index}`)),
  );
  let ran = 0;
  const drained = Promise.withResolvers<void>();
  scheduler.registerJob(job(() => {
    if (++ran === count) drained.resolve();
  }));
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await scheduler.start();
  await drained.promise;
  clearInterval(timer);
  assert(ticks >= 3, `timers went off ${ticks} times`);
});

Deno.test("a task runs in the scheduler that is started, not in the one that is not", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const producer = stage.another();
  const work = recorder(clock);
  producer.registerJob(recorder(clock));
  scheduler.registerJob(work);
  await scheduler.start();
  await producer.scheduleJob("a", "work");
  await clock.settle();
  assertEquals(work.runs, ["a 0"]);
});
