import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  JobAlreadyRegisteredError,
  JobAlreadyScheduledError,
} from "../../../src/api/errors.ts";
import type { Job } from "../../../src/api/job.ts";
import type { FullStore } from "../../../src/api/job_store.ts";
import type { Scheduler } from "../../../src/api/scheduler.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { CronTrigger } from "../../../triggers/cron_trigger.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { at, recorder, Stage, START } from "../../helpers/stage.ts";

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
  const payloads = { keep: '"old"', replace: '"new"' };
  for (const onConflict of ["keep", "replace"] as const) {
    await scheduler.scheduleJob("a", "work", { payload: "old", onConflict });
    await scheduler.scheduleJob("a", "work", { payload: "new", onConflict });
    assertEquals(await text(), payloads[onConflict]);
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

Deno.test("options that the caller has as undefined count as not given", async () => {
  const undefinedMs = undefined as number | undefined;
  const scheduler = new StdScheduler(new MemoryStore(), {
    leaseMs: undefinedMs,
    logger: undefined,
  });
  scheduler.registerJob(noop, { backoff: undefined, trigger: undefined });
  await scheduler.scheduleJob("a", noop, {
    delayMs: undefinedMs,
    when: undefined,
    transaction: undefined,
  });
  assertEquals(await scheduler.getJobSlugs(), ["a"]);
});

Deno.test("a trigger may be a cron expression, in a zone", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  scheduler.registerJob(noop, { trigger: "0 7 * * *" });
  await scheduler.scheduleJobs([
    { slug: "kind", job: noop },
    { slug: "own", job: noop, trigger: "0 9 * * *", timeZone: "Asia/Tokyo" },
  ]);
  const next = async (slug: string) =>
    (await scheduler.getScheduledJob(slug)).nextRunTime?.toISOString();
  assertEquals(await next("kind"), "2026-01-01T07:00:00.000Z");
  assertEquals(await next("own"), "2026-01-02T00:00:00.000Z");
  assertEquals(
    (await scheduler.getScheduledJob("own")).trigger,
    JSON.stringify(new CronTrigger("0 9 * * *", { timeZone: "Asia/Tokyo" })),
  );
});

Deno.test("a function does the work of a kind", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const seen: string[] = [];
  scheduler.registerJob(
    "greet",
    (task, { scheduledFor }) =>
      void seen.push(`${task.text()} ${scheduledFor.getTime() - +START}`),
    { trigger: new SimpleTrigger(1_000) },
  );
  await scheduler.start();
  await scheduler.scheduleJob("a", "greet", { payload: "Hello" });
  await clock.step(2_000);
  assertEquals(seen, ["Hello 1000", "Hello 2000"]);
});

Deno.test("triggers of the user's own are stored, and run in another scheduler", async () => {
  class Twice implements Trigger {
    static readonly type = "twice";
    static fromJSON = () => new Twice();
    nextFireTime = (prev: Date) =>
      prev < at(2_000) ? new Date(prev.getTime() + 1_000) : undefined;
    toJSON = () => ({ type: Twice.type });
  }
  await using stage = new Stage({ triggers: [Twice] });
  const { scheduler, clock } = stage;
  await scheduler.scheduleJob("a", "work", { trigger: new Twice() });

  const heir = stage.another();
  const work = recorder(clock);
  heir.registerJob(work);
  await heir.start();
  await clock.step(5_000);
  await heir.stop();
  assertEquals(work.runs, ["a 1000", "a 2000"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a store without transactions refuses one: a rollback would leave the task", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  for (const transaction of [{}, { query() {} }] as never[]) {
    await assertRejects(
      () => scheduler.scheduleJob("a", "work", { transaction }),
      TypeError,
      "Cannot schedule in a transaction: this store has no transactions",
    );
  }
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("the types tell that a store has no transactions", async () => {
  interface Client {
    query(): void;
  }
  const memory = new MemoryStore();
  const without: Scheduler = new StdScheduler(memory);
  // @ts-expect-error: the store has none
  const declared: Scheduler<Client> = new StdScheduler(memory);
  // @ts-expect-error: the store has none
  const claimed = new StdScheduler<Client>(memory);
  const answered = (): Scheduler<Client> =>
    // @ts-expect-error: the store has none
    new StdScheduler(memory);
  // @ts-expect-error: a scheduler without transactions is none with them
  const passed: Scheduler<Client> = without;
  for (const scheduler of [declared, claimed, answered(), passed]) {
    await assertRejects(
      () => scheduler.scheduleJob("a", "work", { transaction: { query() {} } }),
      TypeError,
      "Cannot schedule in a transaction",
    );
  }
});

Deno.test("a store with transactions makes a scheduler with them", async () => {
  interface Client {
    query(): void;
  }
  const asked: Client[] = [];
  const store: FullStore<Client> = Object.assign(
    new MemoryStore() as Omit<MemoryStore, "checkTransaction">,
    { checkTransaction: (client: Client) => void asked.push(client) },
  );
  const scheduler: Scheduler<Client> = new StdScheduler(store);
  const transaction = { query() {} };
  await scheduler.scheduleJob("a", "work", { transaction });
  assertEquals(asked, [transaction]);
});

Deno.test("entries that share a trigger ask it once, not each", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  let asked = 0;
  const trigger = new SimpleTrigger(1_000);
  const { nextFireTime } = trigger;
  trigger.nextFireTime = (prev) => (asked++, nextFireTime.call(trigger, prev));
  await scheduler.scheduleJobs(
    Array.from({ length: 1_000 }, (_, index) => ({
      slug: `${index}`,
      job: "work",
      trigger,
    })),
  );
  assertEquals(asked, 1);
});

Deno.test("what the caller changes after the call is not stored", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  const when = at(5_000);
  const bytes = new Uint8Array([0]);
  const calls = [1, 2, 3].map((value) => {
    bytes[0] = value;
    when.setTime(at(value).getTime());
    return scheduler.scheduleJob(`${value}`, "work", { payload: bytes, when });
  });
  bytes[0] = 9;
  when.setTime(0);
  await Promise.all(calls);
  for (const value of [1, 2, 3]) {
    const task = await scheduler.getScheduledJob(`${value}`);
    assertEquals([...task.payload], [value]);
    assertEquals(task.nextRunTime, at(value));
  }
});

Deno.test("options may be inherited", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  const defaults = { delayMs: 5_000, payload: "Hello" };
  await scheduler.scheduleJob("a", "work", Object.create(defaults));
  const entry = Object.assign(Object.create(defaults), {
    slug: "b",
    job: "work",
  });
  await scheduler.scheduleJobs([entry]);
  for (const slug of ["a", "b"]) {
    const { nextRunTime, payload } = await scheduler.getScheduledJob(slug);
    assertEquals(nextRunTime, at(5_000));
    assertEquals(new TextDecoder().decode(payload), '"Hello"');
  }
});
