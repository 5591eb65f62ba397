/** Fencing: whoever lost a task hears of it, and cannot settle it. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import type { Clock } from "../../src/api/clock.ts";
import { JobNotLockedError } from "../../src/api/errors.ts";
import { lockRequest } from "../conformance/store_harness.ts";
import { blocker, Stage } from "../helpers/stage.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";

/** A clock of a process that can be stopped: time goes on, nobody wakes. */
class PausableClock implements Clock {
  readonly #clock: SteppedClock;
  #lost = 0;

  constructor(clock: SteppedClock) {
    this.#clock = clock;
  }

  pause(ms: number): void {
    this.#lost += ms;
    this.#clock.jump(ms);
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic() + this.#lost;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  random(): number {
    return this.#clock.random();
  }
}

Deno.test("a process that was stopped for longer than its lease ends its jobs", async () => {
  const stepped = new SteppedClock();
  const clock = new PausableClock(stepped);
  await using stage = new Stage({ clock, leaseMs: 3_000 });
  const { scheduler, logger, memory } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await stepped.step(500);
  clock.pause(60_000);
  const [taken] = await memory.lock(
    lockRequest({ limit: 1, leaseMs: 60_000 }),
  );
  assertEquals(work.signals[0].aborted, false);
  await stepped.step(1_000);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
  await stepped.step(1_000);
  assertEquals((await memory.get("a"))?.token, taken.token);
  assertEquals(logger.messages("error"), []);
});

Deno.test("a loss that another process caused is known within a third of the lease", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, memory } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await memory.delete("a");
  await clock.step(990);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
});

Deno.test("a job that ends while its task is handed back counts no more", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store, logger } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  store.break("reschedule", { delayMs: 1_000 });
  const stopped = scheduler.stop({ timeoutMs: 0 });
  await clock.step(500);
  work.letGo();
  await clock.step(500);
  await stopped;
  assertEquals(store.batches, [1]);
  assertEquals((await scheduler.getScheduledJob("a")).status, "scheduled");
  assertEquals(logger.messages("warn").length, 1);
});
