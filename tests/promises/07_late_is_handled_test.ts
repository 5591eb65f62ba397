/** Late is handled: what nobody could run in time, as the kind says it. */
import { assertEquals } from "@std/assert";
import type { Misfire } from "../../src/api/scheduler.ts";
import type { RegisterJobOptions } from "../../src/api/scheduler.ts";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { at, Stage } from "../helpers/stage.ts";

/** The fire times that ran after an outage, in seconds, with when they ran. */
async function afterOutage(
  stage: Stage,
  outageMs: number,
  watchMs: number,
  options: RegisterJobOptions,
): Promise<string[]> {
  const { scheduler, clock } = stage;
  const runs: string[] = [];
  scheduler.registerJob({
    kind: "work",
    execute(_task, { scheduledFor }) {
      const fired = (scheduledFor.getTime() - at(0).getTime()) / 1_000;
      runs.push(`${fired} at ${Math.floor(stage.elapsed / 1_000)}`);
    },
  }, options);
  await scheduler.scheduleJob("a", "work", {
    trigger: new SimpleTrigger(10_000),
  });
  await clock.step(outageMs);
  await scheduler.start();
  await clock.step(watchMs);
  return runs;
}

Deno.test("fireOnce, the default: a late task runs once, then in the future", async () => {
  await using stage = new Stage();
  assertEquals(await afterOutage(stage, 95_000, 25_000, {}), [
    "10 at 95",
    "100 at 100",
    "110 at 110",
    "120 at 120",
  ]);
});

Deno.test("skip: what is later than the threshold does not run", async () => {
  await using stage = new Stage();
  assertEquals(
    await afterOutage(stage, 95_000, 15_000, {
      misfire: "skip",
      misfireThresholdMs: 20_000,
    }),
    ["80 at 95", "90 at 95", "100 at 100", "110 at 110"],
  );
});

Deno.test("skip with threshold 0: only punctual fire times run", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const runs = await afterOutage(stage, 95_000, 4_999, {
    misfire: "skip",
    misfireThresholdMs: 0,
  });
  assertEquals(runs, []);
  await clock.step(10_001);
  assertEquals(runs, ["100 at 100", "110 at 110"]);
  assertEquals((await scheduler.getScheduledJob("a")).retry, 0);
});

Deno.test("catchUp: each missed fire time runs", async () => {
  await using stage = new Stage();
  assertEquals(
    await afterOutage(stage, 45_000, 10_000, { misfire: "catchUp" }),
    ["10 at 45", "20 at 45", "30 at 45", "40 at 45", "50 at 50"],
  );
});

Deno.test("years of missed seconds are passed over in no time", async () => {
  const years = 6 * 365 * 86_400_000;
  for (const misfire of ["fireOnce", "skip"] satisfies Misfire[]) {
    await using stage = new Stage();
    const { scheduler, clock, store } = stage;
    const fired: Date[] = [];
    scheduler.registerJob({
      kind: "work",
      execute: (_task, { scheduledFor }) => void fired.push(scheduledFor),
    }, { misfire, misfireThresholdMs: 500 });
    await scheduler.scheduleJob("cron", "work", {
      trigger: new CronTrigger("* * * * * *"),
    });
    await scheduler.scheduleJob("simple", "work", {
      trigger: new SimpleTrigger(1_000),
    });
    await clock.step(years + 600);
    await scheduler.start();
    await clock.step(399);
    assertEquals(fired.length, misfire === "fireOnce" ? 2 : 0);
    await clock.step(1_001);
    assertEquals(
      fired.slice(-4).map((date) => date.getTime() - at(years).getTime()),
      [1_000, 1_000, 2_000, 2_000],
    );
    assertEquals(store.count("reschedule") < 10, true);
  }
});

Deno.test("a one-off is never too late", async () => {
  for (const misfire of ["fireOnce", "skip", "catchUp"] satisfies Misfire[]) {
    await using stage = new Stage();
    const { scheduler, clock } = stage;
    let runs = 0;
    scheduler.registerJob({ kind: "work", execute: () => void runs++ }, {
      misfire,
      misfireThresholdMs: 0,
    });
    await scheduler.scheduleJob("a", "work");
    await clock.step(1e9);
    await scheduler.start();
    await clock.step(10);
    assertEquals(runs, 1);
  }
});

Deno.test("a retry is never too late", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const retries: number[] = [];
  scheduler.registerJob({
    kind: "work",
    execute(task) {
      retries.push(task.retry);
      if (task.retry < 2) throw new Error("no luck");
    },
  }, { misfire: "skip", misfireThresholdMs: 0 });
  await scheduler.scheduleJob("a", "work", {
    trigger: new SimpleTrigger(3_600_000),
  });
  await scheduler.start();
  await clock.step(3_600_000 + 40_000);
  assertEquals(retries, [0, 1, 2]);
});
