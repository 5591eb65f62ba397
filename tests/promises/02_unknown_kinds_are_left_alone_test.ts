/** Unknown kinds are left alone: they wait for a process that knows them. */
import { assertEquals } from "@std/assert";
import { recorder, Stage } from "../helpers/stage.ts";

const HOUR = 3_600_000;
const DAY = 86_400_000;

Deno.test("a scheduler without a job of its own claims nothing", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  await scheduler.scheduleJob("a", "elsewhere");
  await scheduler.start();
  await clock.step(HOUR);
  store.break("nextRun", "reject", 3);
  await clock.step(HOUR);
  await scheduler.scheduleJob("b", "elsewhere");
  await clock.step(0);
  assertEquals(store.count("lock"), 0);
});

Deno.test("tasks of kinds that it does not know do not wake it", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock, store } = stage;
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  await clock.step(10);
  store.calls.clear();
  for (let index = 0; index < 100; index++) {
    await scheduler.scheduleJob(`${index}`, "elsewhere");
    await clock.step(10);
  }
  assertEquals([store.count("lock"), store.count("nextRun")], [0, 0]);
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
