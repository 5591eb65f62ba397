import { assert, assertEquals } from "@std/assert";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { newTask } from "../../conformance/store_harness.ts";
import { at, blocker, job, recorder, Stage } from "../../helpers/stage.ts";

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
