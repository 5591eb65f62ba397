/** Punctual without polling: an idle process asks next to nothing, and none is late. */
import { assertEquals } from "@std/assert";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { job, recorder, Stage } from "../helpers/stage.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

Deno.test("an idle hour costs one question each 12 s, and no claim", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJobs(
    Array.from({ length: 1_000 }, (_, index) => ({
      slug: `${index}`,
      job: work,
      delayMs: 2 * HOUR + index,
    })),
  );
  await scheduler.start();
  await scheduler.scheduleJob("now", work);
  await clock.step(10);
  assertEquals(work.runs, ["now 0"]);
  store.calls.clear();
  await clock.step(HOUR);
  assertEquals(Object.fromEntries(store.calls), { nextRun: 300 });
});

Deno.test("a task that is due sooner than known is not late, however soon", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("hour", work, { delayMs: HOUR });
  await clock.step(10);
  await scheduler.scheduleJob("minute", work, { delayMs: MINUTE });
  await clock.step(10);
  await scheduler.scheduleJob("second", work, { delayMs: 1_000 });
  await clock.step(10);
  await scheduler.scheduleJob("now", work);
  await clock.step(HOUR);
  assertEquals(work.runs, [
    "now 30",
    "second 1020",
    "minute 60010",
    "hour 3600000",
  ]);
});

Deno.test("tasks of another process wake it as well", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  const producer = stage.another();
  await clock.step(10);
  await producer.scheduleJob("a", "work");
  await clock.step(10);
  await producer.scheduleJob("b", "work", { delayMs: 100 });
  await clock.step(200);
  assertEquals(work.runs, ["a 10", "b 120"]);
});

Deno.test("a recurring task needs no wake-up from elsewhere", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { trigger: new SimpleTrigger(1_000) });
  store.calls.clear();
  await clock.step(100_000);
  assertEquals(work.runs.length, 100);
  assertEquals(work.runs[99], "a 100000");
  // One claim, one settlement and one look ahead for each run.
  assertEquals(store.count("lock") <= 101, true);
  assertEquals(store.count("nextRun") <= 201, true);
});

Deno.test("a delay of 80 days ends on the millisecond", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { delayMs: 80 * DAY + 7 });
  await clock.step(80 * DAY + 6);
  assertEquals(work.runs, []);
  await clock.step(1);
  assertEquals(work.runs, [`a ${80 * DAY + 7}`]);
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
