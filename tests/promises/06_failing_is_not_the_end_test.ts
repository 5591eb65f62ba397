/** Failing is not the end: what fails is tried again, then parked, in sight. */
import { assertEquals } from "@std/assert";
import { ExponentialBackoff, FixedBackoff } from "../../src/core/backoff.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { at, job, Stage } from "../helpers/stage.ts";

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
    'Run of "a" failed, it runs again at 2026-01-01T00:00:01.000Z: no luck',
    'Run of "a" failed, it stays as failed: no luck',
  ]);
});

Deno.test("a task that is parked is never silent about the reason", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  const broken = () => {
    throw new Error("no moon");
  };
  scheduler.registerJob("backoff", () => {
    throw new Error("no luck");
  }, { backoff: { nextRetryTime: broken } });
  scheduler.registerJob("trigger", () => {}, {
    trigger: { nextFireTime: broken },
  });
  const kinds = ["backoff", "trigger"];
  await scheduler.scheduleJobs(
    kinds.map((kind) => ({ slug: kind, job: kind, delayMs: 0 })),
  );
  await scheduler.start();
  await clock.step(10);
  assertEquals(logger.messages("warn"), [
    'Run of "backoff" failed, it stays as failed: no luck\nNo next run: no moon',
    'Run of "trigger" ended, it stays as failed: Trigger failed: no moon',
  ]);
});
