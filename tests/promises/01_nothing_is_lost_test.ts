/** Nothing is lost: once `scheduleJob` resolves, the task runs, or is still there. */
import { assertEquals } from "@std/assert";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { recorder, Stage } from "../helpers/stage.ts";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import type { Fault, StoreCall } from "../helpers/faulty_store.ts";

const MINUTE = 60_000;

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

Deno.test("a task outlives the scheduler that made it, with its trigger", async () => {
  await using stage = new Stage();
  await stage.scheduler.scheduleJob("cron", "work", {
    trigger: new CronTrigger("30 * * * * *"),
  });
  await stage.scheduler.scheduleJob("simple", "work", {
    trigger: new SimpleTrigger(25_000),
  });
  await using successor = stage.another();
  const job = recorder(stage.clock);
  successor.registerJob(job, { trigger: new SimpleTrigger(1) });
  await successor.start();
  await stage.clock.step(95_000);
  assertEquals(job.runs, [
    "simple 25000",
    "cron 30000",
    "simple 50000",
    "simple 75000",
    "cron 90000",
  ]);
});

Deno.test("nothing is lost while a call of the store fails for a while", async () => {
  const calls: StoreCall[] = ["lock", "nextRun", "renew", "reschedule"];
  const faults: Fault[] = ["reject", "lose", { delayMs: 45_000 }];
  for (const call of calls) {
    for (const fault of faults) {
      await using stage = new Stage({ concurrency: 3 });
      const { scheduler, clock, store } = stage;
      const ran = new Map<string, number>();
      scheduler.registerJob({
        kind: "work",
        async execute({ slug }) {
          await clock.sleep(15_000);
          ran.set(slug, (ran.get(slug) ?? 0) + 1);
        },
      });
      await scheduler.start();
      const slugs = Array.from({ length: 20 }, (_, index) => `t${index + 10}`);
      await scheduler.scheduleJobs(
        slugs.map((slug, index) => ({
          slug,
          job: "work",
          delayMs: 1_000 * index,
        })),
      );
      await clock.step(5_000);
      store.break(call, fault);
      await clock.step(5 * MINUTE);
      store.heal();
      await clock.step(10 * MINUTE);
      assertEquals([...ran.keys()].sort(), slugs, `${call} ${fault}`);
      assertEquals(await scheduler.getJobSlugs(), [], `${call} ${fault}`);
    }
  }
});

Deno.test("an answer of lock that got lost costs a lease, and no task", async () => {
  await using stage = new Stage({ leaseMs: 30_000, heartbeatMs: 86_400_000 });
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", "lose", 1);
  await scheduler.scheduleJob("a", work);
  await clock.step(30_000);
  assertEquals(work.runs, ["a 30000"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("an answer of reschedule that got lost makes nothing run twice", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store, logger } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("reschedule", "lose", 2);
  await scheduler.scheduleJob("once", work);
  await scheduler.scheduleJob("again", work, {
    trigger: new SimpleTrigger(10_000),
  });
  await clock.step(20_000);
  assertEquals(work.runs, ["once 0", "again 10000", "again 20000"]);
  assertEquals(logger.messages("warn"), []);
});
