/** Bad input gets a clear error, and changes nothing. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CronExpressionError,
  JobAlreadyScheduledError,
  JobNotFoundError,
  PayloadError,
} from "../../src/api/errors.ts";
import type { Job } from "../../src/api/job.ts";
import {
  StdScheduler,
  type StdSchedulerOptions,
} from "../../triggers/std_scheduler.ts";
import type { Trigger } from "../../src/api/trigger.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { Stage, START } from "../helpers/stage.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

const noop: Job = { kind: "work", execute() {} };

Deno.test("bad arguments of scheduleJob say what is wrong, and change nothing", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  const unstorable: Trigger = { nextFireTime: (prev) => prev };
  const finished = Object.assign(new SimpleTrigger(1_000), {
    nextFireTime: () => undefined,
  });
  type Args = [slug: unknown, job?: unknown, options?: unknown];
  const faults: [Args, new (...args: Any) => Error, string][] = [
    [[1, "work"], TypeError, "Cannot use 1 as a slug"],
    [["", "work"], RangeError, 'Cannot use "" as a slug'],
    [["a", ""], RangeError, 'Cannot use "" as a kind'],
    [["a", { kind: 5 }], TypeError, "Cannot use 5 as a kind"],
    [["a"], TypeError, "expected a job or its kind, got undefined"],
    [["a", null], TypeError, "expected a job or its kind, got null"],
    [["a", {}], TypeError, "expected a job or its kind, got an object"],
    [
      ["a", () => {}],
      TypeError,
      'Cannot schedule "a": expected a job or its kind, got a function',
    ],
    [["a", "work", { delayMs: -1 }], RangeError, 'Cannot schedule "a"'],
    [["a", "work", { delayMs: "5" }], RangeError, 'delayMs "5"'],
    [["a", "work", { when: 5 }], RangeError, "at 5: expected a valid Date"],
    [
      ["a", "work", { delayMs: 0, when: START }],
      TypeError,
      "both delayMs and when",
    ],
    [["a", "work", { onConflict: "no" }], TypeError, 'onConflict "no"'],
    [["a", "work", { trigger: {} }], TypeError, "the method nextFireTime"],
    [["a", "work", { trigger: unstorable }], TypeError, "registerJob"],
    [["a", "work", { trigger: finished }], RangeError, "never fires"],
    [
      ["a", "work", { trigger: new SimpleTrigger(8e15) }],
      RangeError,
      "expected a year",
    ],
    [["a", "work", { payload: 5n }], PayloadError, "not JSON"],
    [["a", "work", { delay: 5 }], TypeError, '"delay": perhaps "delayMs"'],
    [["a", "work", { timezone: "" }], TypeError, 'perhaps "timeZone"'],
    [["a", "work", { timeZone: "UTC" }], TypeError, "a cron expression beside"],
    [["a", "work", { trigger: "5" }], CronExpressionError, "got 1"],
    [
      ["a", "work", { trigger: "60 * * * *" }],
      CronExpressionError,
      'Cannot schedule "a" with the cron expression "60 * * * *": minute "60"',
    ],
    [
      ["a", "work", Object.create({ delayMs: -5 })],
      RangeError,
      "delayMs -5",
    ],
    [["a", "work", null], TypeError, "the options null: expected an object"],
    [["a", "work", 5], TypeError, "the options 5: expected an object"],
  ];
  for (const [args, type, message] of faults) {
    await assertRejects(
      () => Reflect.apply(scheduler.scheduleJob, scheduler, args),
      type,
      message,
    );
  }
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("many tasks are added together or not at all", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  await scheduler.scheduleJob("b", "work");
  const error = await assertRejects(
    () =>
      scheduler.scheduleJobs([
        { slug: "a", job: "work" },
        { slug: "b", job: "work" },
        { slug: "c", job: "work", onConflict: "keep" },
      ]),
    JobAlreadyScheduledError,
  );
  assertEquals(error.slugs, ["b"]);
  for (
    const wrong of [
      { slug: "", job: "work" },
      { slug: "x", job: "work", delayMs: NaN },
      { slug: "x", job: "work", when: new Date(NaN) },
      { slug: "x", job: "work", payload: 5n as Any },
      { slug: "x", job: "work", onConflict: "maybe" as Any },
      { slug: "x", job: "work", trigger: {} as Any },
      { slug: "x", job: undefined as Any },
    ]
  ) {
    await assertRejects(() =>
      scheduler.scheduleJobs([{ slug: "a", job: "work" }, wrong])
    );
  }
  assertEquals(await scheduler.getJobSlugs(), ["b"]);
});

Deno.test("a slug that is taken is an error, and nothing changes", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  await scheduler.scheduleJob("a", "work", { payload: "old" });
  const before = await scheduler.getScheduledJob("a");
  const error = await assertRejects(
    () => scheduler.scheduleJob("a", "work", { payload: "new" }),
    JobAlreadyScheduledError,
  );
  assertEquals(error.slugs, ["a"]);
  assertEquals(await scheduler.getScheduledJob("a"), before);
});

Deno.test("a payload too large for the store is refused", async () => {
  const store = new MemoryStore();
  const small = Object.assign(store, { maxPayloadBytes: 4 });
  const scheduler = new StdScheduler(small);
  await scheduler.scheduleJob("fits", "work", { payload: "12" });
  await assertRejects(
    () => scheduler.scheduleJob("a", "work", { payload: "123" }),
    PayloadError,
    "a payload of 5 bytes: expected at most 4",
  );
  assertEquals(await scheduler.getJobSlugs(), ["fits"]);
});

Deno.test("what is not there is a JobNotFoundError", async () => {
  await using stage = new Stage();
  const { scheduler } = stage;
  for (
    const call of [
      () => scheduler.deleteJob("a"),
      () => scheduler.getScheduledJob("a"),
    ]
  ) {
    const error = await assertRejects(call, JobNotFoundError);
    assertEquals(error.slug, "a");
  }
  await scheduler.scheduleJob("a", "work");
  await scheduler.deleteJob("a");
  await assertRejects(() => scheduler.deleteJob("a"), JobNotFoundError);
});

Deno.test("bad arguments of start, get and delete say what is wrong", async () => {
  await using stage = new Stage();
  const { scheduler, store } = stage;
  for (const signal of [{}, null, { signal: new AbortController().signal }]) {
    await assertRejects(
      () => scheduler.start(signal as Any),
      TypeError,
      "Cannot start the scheduler: expected an AbortSignal with the methods",
    );
  }
  for (const slug of [Symbol("s"), undefined, 5, {}] as Any[]) {
    for (
      const call of [
        () => scheduler.getScheduledJob(slug),
        () => scheduler.deleteJob(slug),
      ]
    ) await assertRejects(call, TypeError, "as a slug: expected a string");
  }
  assertEquals([...store.calls.keys()], []);
});

Deno.test("bad arguments of registerJob say what is wrong, and change nothing", () => {
  const { scheduler } = new Stage();
  const faults: [unknown, unknown, new (...args: Any) => Error, string][] = [
    [undefined, {}, TypeError, "Cannot register undefined: expected a job"],
    [{}, {}, TypeError, "Cannot register an object: expected a job, or a kind"],
    [
      class PrintJob {
        static readonly kind = "print";
        static execute() {}
      },
      {},
      TypeError,
      "Cannot register class PrintJob: expected a job",
    ],
    [noop, null, TypeError, "the options null: expected an object"],
    [
      noop,
      { trigger: "60 * * * *" },
      CronExpressionError,
      'Cannot register "work" with the cron expression "60 * * * *": minute',
    ],
    [{ kind: "" }, {}, RangeError, 'Cannot use "" as a kind'],
    [{ kind: "work" }, {}, TypeError, "expected a job with the method execute"],
    [noop, { trigger: {} }, TypeError, "expected a trigger with the method"],
    [noop, { trigger: null }, TypeError, "expected a trigger with the method"],
    [noop, { backoff: {} }, TypeError, "expected a backoff with the method"],
    [noop, { backoff: null }, TypeError, "expected a backoff with the method"],
    [noop, { misfire: "no" }, TypeError, 'misfire "no"'],
    [noop, { maxAttempts: 3 }, TypeError, 'the option "maxAttempts"'],
    [noop, { timeZone: "UTC" }, TypeError, "a cron expression beside"],
    ["work", {}, TypeError, 'register "work": expected a function'],
    [noop, { misfireThresholdMs: -1 }, RangeError, "misfireThresholdMs -1"],
    [noop, { misfireThresholdMs: NaN }, RangeError, "misfireThresholdMs NaN"],
  ];
  for (const [job, options, type, message] of faults) {
    assertThrows(
      () => scheduler.registerJob(job as Any, options as Any),
      type,
      message,
    );
  }
  assertThrows(
    () => scheduler.registerJob("work", () => {}, null as Any),
    TypeError,
    "the options null: expected an object",
  );
  scheduler.registerJob(noop);
});

Deno.test("bad options of the scheduler say what is wrong", () => {
  const store = new MemoryStore();
  const faults: [StdSchedulerOptions, string][] = [
    [{ concurrency: 0 }, "concurrency 0"],
    [{ concurrency: 1.5 }, "concurrency 1.5"],
    [{ concurrency: NaN }, "concurrency NaN"],
    [{ concurrency: Infinity }, "concurrency Infinity"],
    [{ concurrency: "5" as Any }, 'concurrency "5"'],
    [{ leaseMs: 99 }, "leaseMs 99"],
    [{ leaseMs: Infinity }, "leaseMs Infinity"],
    [{ heartbeatMs: 9 }, "heartbeatMs 9"],
    [{ heartbeatMs: NaN }, "heartbeatMs NaN"],
    [{ jitterMs: -1 }, "jitterMs -1"],
    [{ leaseMs: Number.MAX_SAFE_INTEGER }, "from 100 to 86400000"],
    [Object.create({ concurrency: -5 }), "concurrency -5"],
  ];
  for (const [options, message] of faults) {
    assertThrows(() => new StdScheduler(store, options), RangeError, message);
  }
  for (const store of [undefined, null, {}]) {
    assertThrows(() => new StdScheduler(store as Any), TypeError, "a store");
  }
  const refused: [unknown, string][] = [
    [{ logger: {} }, "a logger with the methods debug, info, warn, error"],
    [{ clock: {} }, "a clock with the methods now, monotonic, sleep, random"],
    [{ lease: 5 }, 'the option "lease": perhaps "leaseMs"'],
    [null, "the options null: expected an object"],
    [new SteppedClock(), "a SteppedClock as its options: expected an object"],
    [{ triggers: [{}] }, "as a class of triggers"],
  ];
  for (const [options, message] of refused) {
    assertThrows(
      () => new StdScheduler(store, options as Any),
      TypeError,
      message,
    );
  }
});

Deno.test("a memory store takes a clock as an option, not in place of the options", () => {
  assertThrows(
    () => new MemoryStore(new SteppedClock() as Any),
    TypeError,
    "Cannot make a MemoryStore with a SteppedClock as its options: expected " +
      'an object with "clock"',
  );
  assertThrows(
    () => new MemoryStore(Object.create({ clock: 5 })),
    TypeError,
    "Cannot make a MemoryStore: expected a clock with the methods",
  );
});

Deno.test("changing the payload after scheduling changes nothing", async () => {
  await using stage = new Stage();
  const payload = new Uint8Array([1, 2]);
  await stage.scheduler.scheduleJob("a", "work", { payload });
  payload[0] = 9;
  const seen = await stage.scheduler.getScheduledJob("a");
  assertEquals([...seen.payload], [1, 2]);
});
