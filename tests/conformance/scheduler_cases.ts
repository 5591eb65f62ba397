import { deepStrictEqual as equal, ok, rejects } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { FixedBackoff } from "../../src/core/backoff.ts";
import { type Clock, systemClock } from "../../src/api/clock.ts";
import {
  JobAlreadyScheduledError,
  JobNotFoundError,
  JobNotLockedError,
} from "../../src/api/errors.ts";
import type { Job } from "../../src/api/job.ts";
import type {
  ClaimingStore,
  InspectingStore,
  SteeringStore,
} from "../../src/api/job_store.ts";
import { silentLogger } from "../../src/api/logger.ts";
import {
  StdScheduler,
  type StdSchedulerOptions,
} from "../../triggers/std_scheduler.ts";
import type { StoreTask } from "../../src/api/task.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";
import {
  type Case,
  lockRequest,
  newTask,
  recordOf,
  type StoreHarness,
  type Use,
} from "./store_harness.ts";

type Store = ClaimingStore & InspectingStore & SteeringStore;
type Harness = StoreHarness<Store>;

/** How long a condition may take to come true, in milliseconds. */
const PATIENCE_MS = 20_000;
/** Long enough for any test: nothing may hang on the heartbeat. */
const NO_HEARTBEAT_MS = 86_400_000;

function schedulerOn(
  use: Use,
  { store, clock }: Harness,
  { on = store, ...options }: StdSchedulerOptions & { on?: Store } = {},
): StdScheduler {
  const scheduler = new StdScheduler(on, {
    clock,
    logger: silentLogger,
    heartbeatMs: NO_HEARTBEAT_MS,
    ...options,
  });
  // A case that fails may leave jobs behind that never end.
  use({ [Symbol.asyncDispose]: () => scheduler.stop({ timeoutMs: 0 }) });
  return scheduler;
}

/** Lets time pass on the clock of the schedulers: steps it, or waits. */
async function pass(ms: number, { clock }: Harness): Promise<void> {
  if (clock instanceof SteppedClock) await clock.step(ms);
  else await delay(ms);
}

async function until(
  condition: () => boolean | Promise<boolean>,
  harness: Harness,
): Promise<void> {
  for (let waited = 0; !await condition(); waited += 5) {
    if (waited > PATIENCE_MS) throw new Error(`${condition} stayed false`);
    await pass(5, harness);
  }
}

/** A clock for schedulers that is stepped, whatever the store's clock is. */
function steppedClock({ clock, elapse }: Harness) {
  if (clock instanceof SteppedClock) return { clock, pass: elapse };
  const stepped = new SteppedClock();
  return {
    clock: stepped,
    /** Lets time pass for the store and for the schedulers. */
    async pass(ms: number): Promise<void> {
      await elapse(ms);
      await stepped.step(ms);
    },
  };
}

/** A job that remembers the slugs that it ran. */
function recorder(kind = "work"): Job & { readonly slugs: string[] } {
  const slugs: string[] = [];
  return { kind, slugs, execute: ({ slug }) => void slugs.push(slug) };
}

/** A job that runs until it is let go, and remembers its signals. */
function blocker() {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const job: Job = {
    kind: "work",
    async execute(_task, { signal }) {
      signals.push(signal);
      await gate.promise;
    },
  };
  return { job, signals, letGo: () => gate.resolve() };
}

/** A clock that is wrong by so much, and runs as it should otherwise. */
function skewed(clock: Clock, ms: number): Clock {
  return {
    now: () => clock.now() + ms,
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    random: () => clock.random(),
  };
}

/** The promises that a scheduler keeps together with its store. */
export const schedulerCases: Case<Store>[] = [
  {
    name: "nothing is lost: each task runs once and is gone, or is still there",
    async run(harness, use) {
      const job = recorder();
      const scheduler = schedulerOn(use, harness, { concurrency: 4 });
      scheduler.registerJob(job);
      const slugs = Array.from({ length: 25 }, (_, index) => `t${index + 10}`);
      await scheduler.scheduleJobs(slugs.map((slug) => ({ slug, job })));
      await scheduler.scheduleJob("future", job, { delayMs: 3_600_000 });
      await scheduler.start();
      await until(() => job.slugs.length >= 25, harness);
      await until(
        async () => (await scheduler.getJobSlugs()).length === 1,
        harness,
      );
      equal(job.slugs.sort(), slugs);
      equal(await scheduler.getJobSlugs(), ["future"]);
    },
  },
  {
    name: "unknown kinds are left alone, for a process that knows them",
    async run(harness, use) {
      const known = recorder("known");
      const other = recorder("other");
      const first = schedulerOn(use, harness);
      first.registerJob(known);
      await first.scheduleJob("other", "other");
      await first.scheduleJob("known", "known");
      await first.start();
      await until(() => known.slugs.length === 1, harness);
      equal((await first.getScheduledJob("other")).status, "scheduled");
      const second = schedulerOn(use, harness, {
        on: await harness.another(),
      });
      second.registerJob(other);
      await second.start();
      await until(() => other.slugs.length === 1, harness);
    },
  },
  {
    name: "one holder at a time: two schedulers never run the same task",
    async run(harness, use) {
      const jobs = [recorder(), recorder()];
      const stores = [harness.store, await harness.another()];
      const schedulers = stores.map((on) =>
        schedulerOn(use, harness, { on, concurrency: 3 })
      );
      schedulers.forEach((scheduler, index) =>
        scheduler.registerJob(jobs[index])
      );
      const slugs = Array.from({ length: 40 }, (_, index) => `t${index + 10}`);
      await schedulers[0].scheduleJobs(
        slugs.map((slug) => ({ slug, job: "work" })),
      );
      await Promise.all(schedulers.map((scheduler) => scheduler.start()));
      const ran = () => jobs.flatMap((job) => job.slugs);
      await until(() => ran().length >= 40, harness);
      await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
      equal(ran().sort(), slugs);
      equal(await harness.store.getSlugs(), []);
    },
  },
  {
    name: "a job may run much longer than its lease",
    async run(harness, use) {
      const { store } = harness;
      const { job, signals, letGo } = blocker();
      const { clock, pass } = steppedClock(harness);
      const options = { clock, leaseMs: 60_000 };
      const first = schedulerOn(use, harness, options);
      const second = schedulerOn(use, harness, {
        on: await harness.another(),
        ...options,
      });
      first.registerJob(job);
      second.registerJob(job);
      await first.start();
      await second.start();
      await first.scheduleJob("long", job);
      await until(async () => {
        await clock.step(5);
        return signals.length === 1;
      }, harness);
      const renewed = async () => {
        const { now } = await store.nextRun({ kinds: [] });
        const task = await store.get("long");
        return task!.leaseEnd!.getTime() - now.getTime() > 50_000;
      };
      for (let third = 0; third < 7; third++) {
        await pass(20_000);
        await until(renewed, harness);
      }
      letGo();
      await until(
        async () => (await first.getJobSlugs()).length === 0,
        harness,
      );
      equal(signals.map((signal) => signal.aborted), [false]);
    },
  },
  {
    name: "fencing: who lost a task hears of it and cannot settle it",
    async run(harness, use) {
      const { job, signals, letGo } = blocker();
      const other = await harness.another();
      const scheduler = schedulerOn(use, harness, {
        leaseMs: 900,
        concurrency: 1,
      });
      scheduler.registerJob(job);
      await scheduler.scheduleJob("a", job);
      await scheduler.start();
      await until(() => signals.length === 1, harness);
      // As if the process had been stopped for longer than its lease.
      await other.create([newTask("a", { onConflict: "replace" })]);
      const [taken] = await other.lock(lockRequest({ leaseMs: 60_000 }));
      await until(() => signals[0].aborted, harness);
      ok(signals[0].reason instanceof JobNotLockedError);
      letGo();
      await pass(20, harness);
      await scheduler.stop();
      equal(recordOf((await other.get("a"))!), recordOf(taken));
    },
  },
  {
    name: "recovery: the work of a dead process is taken over after its lease",
    async run(harness, use) {
      const dead = await harness.another();
      await dead.create([newTask("a")]);
      await dead.lock(lockRequest({ limit: 1, leaseMs: 60_000 }));
      const job = recorder();
      const { clock, pass } = steppedClock(harness);
      const scheduler = schedulerOn(use, harness, { clock });
      scheduler.registerJob(job);
      await scheduler.start();
      await pass(30_000);
      equal(job.slugs, []);
      // A lease may end a little sooner, but not later, than asked for.
      await pass(31_000);
      await until(() => job.slugs.length === 1, harness);
    },
  },
  {
    name: "failing is not the end: retries, then parked and visible",
    async run(harness, use) {
      let runs = 0;
      const scheduler = schedulerOn(use, harness);
      const job: Job = {
        kind: "work",
        execute() {
          throw new Error(`no luck ${++runs}`);
        },
      };
      scheduler.registerJob(job, { backoff: new FixedBackoff([20, 30]) });
      await scheduler.scheduleJob("a", job, { payload: "precious" });
      await scheduler.start();
      await until(
        async () => (await scheduler.getScheduledJob("a")).status === "failed",
        harness,
      );
      const { result, retry, payload, nextRunTime } = await scheduler
        .getScheduledJob("a");
      equal([result, retry, runs], ["no luck 3", 3, 3]);
      equal(new TextDecoder().decode(payload), '"precious"');
      equal(nextRunTime, undefined);
      await rejects(scheduler.scheduleJob("a", job), JobAlreadyScheduledError);
      await scheduler.scheduleJob("a", job, { onConflict: "replace" });
      await until(() => runs === 6, harness);
      await scheduler.deleteJob("a");
    },
  },
  {
    name: "failing is not the end: a recurring task goes on",
    async run(harness, use) {
      const retries: number[] = [];
      const scheduler = schedulerOn(use, harness);
      const job: Job = {
        kind: "work",
        execute(task) {
          retries.push(task.retry);
          if (retries.length < 3) throw new Error("no luck");
        },
      };
      scheduler.registerJob(job, { backoff: new FixedBackoff([10]) });
      await scheduler.scheduleJob("a", job, {
        delayMs: 0,
        trigger: new SimpleTrigger(40),
      });
      await scheduler.start();
      await until(() => retries.length >= 4, harness);
      equal(retries.slice(0, 4), [0, 1, 0, 0]);
    },
  },
  {
    name: "late is handled: a missed task runs once, then in the future",
    async run(harness, use) {
      const fired: Date[] = [];
      const scheduler = schedulerOn(use, harness);
      scheduler.registerJob({
        kind: "work",
        execute: (_task, { scheduledFor }) => void fired.push(scheduledFor),
      });
      const { now } = await harness.store.nextRun({ kinds: [] });
      const missed = new Date(now.getTime() - 100 * 86_400_000);
      await scheduler.scheduleJob("a", "work", {
        when: missed,
        trigger: new SimpleTrigger(100),
      });
      await scheduler.start();
      await until(() => fired.length >= 2, harness);
      equal(fired[0], missed);
      ok(fired[1] > now, "walks through what it missed");
      equal((fired[1].getTime() - missed.getTime()) % 100, 0);
    },
  },
  {
    name: "late is handled: skip passes over what is later than the threshold",
    async run(harness, use) {
      const fired: Date[] = [];
      const scheduler = schedulerOn(use, harness);
      scheduler.registerJob({
        kind: "work",
        execute: (_task, { scheduledFor }) => void fired.push(scheduledFor),
      }, { misfire: "skip", misfireThresholdMs: 600_000 });
      const { now } = await harness.store.nextRun({ kinds: [] });
      const missed = new Date(now.getTime() - 10 * 86_400_000);
      await scheduler.scheduleJob("a", "work", {
        when: missed,
        trigger: new SimpleTrigger(1_000_000),
      });
      await scheduler.scheduleJob("one-off", "work", { when: missed });
      const whenOf = async (slug: string) =>
        (await harness.store.get(slug))?.when ?? now;
      await scheduler.start();
      await until(
        async () => fired.length >= 1 && await whenOf("a") > missed,
        harness,
      );
      // The one-off has run, whatever the policy; no fire time later than that.
      equal(fired[0], missed);
      const lateness = fired.slice(1).map((fire) => now.getTime() - +fire);
      ok(lateness.every((ms) => ms <= 600_000), `ran ${lateness} ms late`);
      const next = await whenOf("a");
      equal((next.getTime() - missed.getTime()) % 1_000_000, 0);
      ok(next.getTime() > now.getTime() - 600_000);
    },
  },
  {
    name: "late is handled: catchUp runs each fire time that was missed",
    async run(harness, use) {
      const fired: number[] = [];
      const scheduler = schedulerOn(use, harness);
      scheduler.registerJob({
        kind: "work",
        execute: (_task, { scheduledFor }) =>
          void fired.push(scheduledFor.getTime()),
      }, { misfire: "catchUp" });
      const day = 86_400_000;
      const { now } = await harness.store.nextRun({ kinds: [] });
      const missed = now.getTime() - 4.5 * day;
      await scheduler.scheduleJob("a", "work", {
        when: new Date(missed),
        trigger: new SimpleTrigger(day),
      });
      await scheduler.start();
      const next = missed + 5 * day;
      await until(
        async () => (await harness.store.get("a"))?.when.getTime() === next,
        harness,
      );
      equal(fired, [0, 1, 2, 3, 4].map((days) => missed + days * day));
    },
  },
  {
    name: "rerun: a task that is asked for while it runs runs once more",
    async run(harness, use) {
      const { job, signals, letGo } = blocker();
      const scheduler = schedulerOn(use, harness);
      const producer = schedulerOn(use, harness, {
        on: await harness.another(),
      });
      scheduler.registerJob(job);
      await scheduler.scheduleJob("a", job);
      await scheduler.start();
      await until(() => signals.length === 1, harness);
      for (let times = 0; times < 3; times++) {
        await producer.scheduleJob("a", "work", { onConflict: "rerun" });
      }
      letGo();
      await until(
        async () => (await scheduler.getJobSlugs()).length === 0,
        harness,
      );
      equal(signals.length, 2);
    },
  },
  {
    name: "punctual without polling: woken by a task from elsewhere",
    async run(harness, use) {
      const job = recorder();
      const producer = schedulerOn(use, harness, {
        on: await harness.another(),
      });
      const scheduler = schedulerOn(use, harness);
      scheduler.registerJob(job);
      await scheduler.start();
      await producer.scheduleJob("now", "work");
      await until(() => job.slugs.length === 1, harness);
      await producer.scheduleJob("soon", "work", { delayMs: 50 });
      await until(() => job.slugs.length === 2, harness);
      equal(job.slugs, ["now", "soon"]);
    },
  },
  {
    name: "stopping is graceful: jobs finish, and what does not is handed back",
    async run(harness, use) {
      const quick = Promise.withResolvers<void>();
      const { job, signals, letGo } = blocker();
      const { clock } = steppedClock(harness);
      const scheduler = schedulerOn(use, harness, { clock });
      scheduler.registerJob(job);
      let quicks = 0;
      scheduler.registerJob({
        kind: "quick",
        execute() {
          quicks++;
          return quick.promise;
        },
      });
      await scheduler.start();
      await scheduler.scheduleJob("slow", job);
      await scheduler.scheduleJob("quick", "quick");
      await until(async () => {
        await clock.step(5);
        return signals.length === 1 && quicks === 1;
      }, harness);
      const stopped = scheduler.stop({ timeoutMs: 1_000 });
      quick.resolve();
      await until(
        async () => (await harness.store.getSlugs()).length === 1,
        harness,
      );
      equal(signals[0].aborted, false);
      await clock.step(1_000);
      await stopped;
      equal(signals[0].aborted, true);
      letGo();
      equal(await harness.store.getSlugs(), ["slow"]);

      const successor = recorder();
      const next = schedulerOn(use, harness, { on: await harness.another() });
      next.registerJob({
        kind: "work",
        execute(task: StoreTask) {
          successor.slugs.push(`${task.slug} ${task.retry}`);
        },
      });
      await next.start();
      await until(() => successor.slugs.length === 1, harness);
      equal(successor.slugs, ["slow 0"]);
    },
  },
  {
    name: "bad input gets a clear error and changes nothing",
    async run(harness, use) {
      const scheduler = schedulerOn(use, harness);
      const invalid = new Date(NaN);
      await rejects(scheduler.scheduleJob("", "work"), RangeError);
      await rejects(scheduler.scheduleJob("x".repeat(256), "work"), RangeError);
      await rejects(scheduler.scheduleJob("a\0", "work"), RangeError);
      await rejects(scheduler.scheduleJob("a", ""), RangeError);
      for (const delayMs of [NaN, -1, Infinity]) {
        await rejects(
          scheduler.scheduleJob("a", "work", { delayMs }),
          RangeError,
        );
      }
      await rejects(
        scheduler.scheduleJob("a", "work", { when: invalid }),
        RangeError,
      );
      await rejects(
        scheduler.scheduleJobs([
          { slug: "a", job: "work" },
          { slug: "b", job: "work", delayMs: -1 },
        ]),
        RangeError,
      );
      await rejects(scheduler.deleteJob("a"), JobNotFoundError);
      await rejects(scheduler.getScheduledJob("a"), JobNotFoundError);
      equal(await scheduler.getJobSlugs(), []);
    },
  },
  {
    name: "clocks may differ: an hour off either way does no harm",
    async run(harness, use) {
      const clock = harness.clock ?? systemClock;
      const job = recorder();
      const hour = 3_600_000;
      const ahead = schedulerOn(use, harness, { clock: skewed(clock, hour) });
      const behind = schedulerOn(use, harness, {
        clock: skewed(clock, -hour),
        on: await harness.another(),
      });
      ahead.registerJob(job);
      behind.registerJob(job);
      await Promise.all([ahead.start(), behind.start()]);
      const { now } = await harness.store.nextRun({ kinds: [] });
      await behind.scheduleJob("later", job, { delayMs: 600_000 });
      await ahead.scheduleJob("trigger", job, {
        trigger: new SimpleTrigger(600_000),
      });
      await ahead.scheduleJob("soon", job, { delayMs: 100 });
      await behind.scheduleJob("now", job);
      await ahead.scheduleJob("far", job, { delayMs: 80 * 86_400_000 });
      await until(() => job.slugs.length >= 2, harness);
      equal(job.slugs.sort(), ["now", "soon"]);
      for (const slug of ["later", "trigger"]) {
        const { nextRunTime } = await ahead.getScheduledJob(slug);
        const inMs = nextRunTime!.getTime() - now.getTime();
        ok(Math.abs(inMs - 600_000) < 30_000, `${slug} is due in ${inMs} ms`);
      }
    },
  },
];
