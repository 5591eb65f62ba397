import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  JobAlreadyRegisteredError,
  JobAlreadyScheduledError,
} from "../../../src/api/errors.ts";
import type { Job } from "../../../src/api/job.ts";
import { CronTrigger } from "../../../triggers/cron_trigger.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { at, Stage } from "../../helpers/stage.ts";

const noop: Job = { kind: "work", execute() {} };
Deno.test("a task can be seen as it was scheduled, before anything runs", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  scheduler.registerJob(noop);
  await scheduler.scheduleJob("a", noop, {
    when: at(5_000),
    payload: { of: "the milk" },
    trigger: new SimpleTrigger(1_000),
  });
  const { version, payload, ...seen } = await scheduler.getScheduledJob("a");
  assertEquals(seen, {
    slug: "a",
    kind: "work",
    job: noop,
    nextRunTime: at(5_000),
    status: "scheduled",
    retry: 0,
    result: "",
    trigger: '{"type":"simple","intervalMs":1000}',
  });
  assertEquals(Number.isInteger(version), true);
  assertEquals(new TextDecoder().decode(payload), '{"of":"the milk"}');
});

Deno.test("a task of a kind that is not registered has no job", async () => {
  await using stage = new Stage();
  await stage.scheduler.scheduleJob("a", "elsewhere");
  const { job, kind } = await stage.scheduler.getScheduledJob("a");
  assertEquals([job, kind], [undefined, "elsewhere"]);
});

Deno.test("a task is due now, or when its options or its trigger say", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  scheduler.registerJob(noop);
  scheduler.registerJob({ ...noop, kind: "hourly" }, {
    trigger: new CronTrigger("0 * * * *"),
  });
  await stage.clock.step(1);
  const second = new SimpleTrigger(1_000);
  const due = async (job: string, options = {}) => {
    await scheduler.scheduleJob("a", job, {
      ...options,
      onConflict: "replace",
    });
    return (await scheduler.getScheduledJob("a")).nextRunTime;
  };
  assertEquals(await due("work"), at(1));
  assertEquals(await due("work", { delayMs: 0 }), at(1));
  assertEquals(await due("work", { delayMs: 500 }), at(501));
  assertEquals(await due("work", { when: at(-500) }), at(-500));
  assertEquals(await due("work", { trigger: second }), at(1_001));
  assertEquals(await due("work", { trigger: second, delayMs: 5 }), at(6));
  assertEquals(await due("hourly"), at(3_600_000));
  assertEquals(await due("hourly", { delayMs: 5 }), at(6));
  assertEquals(await due("hourly", { trigger: second }), at(1_001));
});

Deno.test("a slug that is taken can be kept or replaced", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  const text = async () =>
    new TextDecoder().decode((await scheduler.getScheduledJob("a")).payload);
  for (const onConflict of ["keep", "replace"] as const) {
    await scheduler.scheduleJob("a", "work", { payload: "old", onConflict });
    await scheduler.scheduleJob("a", "work", { payload: "new", onConflict });
    assertEquals(await text(), onConflict === "keep" ? "old" : "new");
  }
});

Deno.test("many tasks are added at once, in one round trip", async () => {
  await using stage = new Stage();
  const { scheduler, store } = stage;
  function* entries() {
    for (let index = 0; index < 1_000; index++) {
      yield { slug: `task-${index}`, job: noop, delayMs: index };
    }
  }
  await scheduler.scheduleJobs(entries());
  assertEquals((await scheduler.getJobSlugs()).length, 1_000);
  assertEquals(store.count("create"), 1);
  await scheduler.scheduleJobs([]);
  assertEquals(store.count("create"), 1);
});

Deno.test("the first fire times of many tasks cost one question for the time", async () => {
  await using stage = new Stage();
  const trigger = new SimpleTrigger(1_000);
  await stage.scheduler.scheduleJobs(
    ["a", "b", "c"].map((slug) => ({ slug, job: "work", trigger })),
  );
  assertEquals(stage.store.count("nextRun"), 1);
});

Deno.test("one call cannot schedule a slug twice, whatever onConflict says", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  for (const onConflict of ["error", "keep", "replace"] as const) {
    const entry = { slug: "a", job: "work", onConflict };
    await assertRejects(
      () => scheduler.scheduleJobs([entry, entry]),
      JobAlreadyScheduledError,
      'Cannot schedule "a" twice in one call',
    );
  }
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("slugs are listed in order", async () => {
  await using stage = new Stage();
  for (const slug of ["b", "ä", "a", "B"]) {
    await stage.scheduler.scheduleJob(slug, "work");
  }
  assertEquals(await stage.scheduler.getJobSlugs(), ["B", "a", "b", "ä"]);
});

Deno.test("clear removes the tasks of every kind", async () => {
  await using stage = new Stage();
  await stage.scheduler.scheduleJob("a", "work");
  await stage.scheduler.scheduleJob("b", "other");
  await stage.scheduler.clear();
  assertEquals(await stage.scheduler.getJobSlugs(), []);
});

Deno.test("a kind is registered once", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  scheduler.registerJob(noop);
  const error = assertThrows(
    () => scheduler.registerJob({ ...noop }),
    JobAlreadyRegisteredError,
  );
  assertEquals(error.kind, "work");
  await scheduler.start();
  assertThrows(() => scheduler.registerJob(noop), JobAlreadyRegisteredError);
});
