import { assertEquals, assertRejects } from "@std/assert";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { blocker, recorder, Stage } from "../../helpers/stage.ts";

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
