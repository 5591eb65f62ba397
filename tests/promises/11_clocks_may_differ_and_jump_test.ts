/** Clocks may differ, and jump. */
import { assertEquals } from "@std/assert";
import type { Clock } from "../../src/api/clock.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { RecordingLogger } from "../helpers/recording_logger.ts";
import { at, recorder, Stage } from "../helpers/stage.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

Deno.test("a clock that is hours off does no harm: the store's counts", async () => {
  for (const skewMs of [5 * HOUR, -5 * HOUR]) {
    const clock = new SteppedClock();
    const store = new MemoryStore({ clock });
    const skewed: Clock = {
      now: () => clock.now() + skewMs,
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
      random: () => clock.random(),
    };
    await using scheduler = new StdScheduler(store, {
      clock: skewed,
      heartbeatMs: DAY,
      logger: new RecordingLogger(),
    });
    const runs: string[] = [];
    scheduler.registerJob({
      kind: "work",
      execute({ slug, retry }) {
        runs.push(`${slug} ${clock.monotonic()}`);
        if (slug === "retry" && retry === 0) throw new Error("no luck");
      },
    });
    await scheduler.start();
    await scheduler.scheduleJob("delay", "work", { delayMs: 1_000 });
    await scheduler.scheduleJob("retry", "work");
    await scheduler.scheduleJob("trigger", "work", {
      trigger: new SimpleTrigger(4_000),
    });
    await clock.step(10_999);
    assertEquals(runs, [
      "retry 0",
      "delay 1000",
      "trigger 4000",
      "trigger 8000",
      "retry 10000",
    ]);
  }
});

Deno.test("a wall clock that jumps is noticed by the heartbeat", async () => {
  for (const jump of [HOUR, -HOUR]) {
    await using stage = new Stage();
    const { scheduler, clock } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    await scheduler.start();
    await scheduler.scheduleJob("a", work, { when: at(90 * MINUTE) });
    await clock.step(10_000);
    clock.jump(jump);
    await clock.step(30 * MINUTE + MINUTE);
    assertEquals(work.runs.length, jump > 0 ? 1 : 0);
    await clock.step(2 * HOUR);
    // By the wall clock it is due at 01:30; back, it is known in advance.
    assertEquals(work.runs, [`a ${90 * MINUTE - jump}`]);
  }
});

Deno.test("a wall clock that jumps past a due time costs a heartbeat at most", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { when: at(30 * MINUTE) });
  await clock.step(10_000);
  clock.jump(HOUR);
  await clock.step(2_000);
  assertEquals(work.runs, ["a 12000"]);
});

Deno.test("a store whose clock jumps makes nothing spin, and loses nothing", async () => {
  for (const jump of [HOUR, -HOUR]) {
    await using stage = new Stage({ leaseMs: 30_000 });
    const { scheduler, clock, store } = stage;
    const ends: boolean[] = [];
    scheduler.registerJob({
      kind: "work",
      async execute(_task, { signal }) {
        await clock.sleep(10 * MINUTE, signal);
        ends.push(signal.aborted);
      },
    });
    await scheduler.start();
    await scheduler.scheduleJob("a", "work");
    await clock.step(MINUTE);
    clock.jump(jump);
    await clock.step(20 * MINUTE);
    // Ahead, the store sees the lease as over; it is renewed before anybody looks.
    assertEquals(ends, [false]);
    assertEquals(await scheduler.getJobSlugs(), []);
    assertEquals(store.count("lock") < 50, true);
    assertEquals(store.count("nextRun") < 150, true);
  }
});
