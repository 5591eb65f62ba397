/** One holder at a time, by a lease that is renewed while the job runs. */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { JobNotFoundError, JobNotLockedError } from "../../src/api/errors.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { blocker, job, recorder, Stage, START } from "../helpers/stage.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";

const MINUTE = 60_000;

/** A clock on which a job can be busy: time passes, and nothing else happens. */
class BusyClock extends SteppedClock {
  #busyMs = 0;

  busy(ms: number): void {
    this.#busyMs += ms;
    this.jump(ms);
  }

  override monotonic(): number {
    return super.monotonic() + this.#busyMs;
  }
}

Deno.test("a job runs for hours under a short lease, while others look for work", async () => {
  await using stage = new Stage({ leaseMs: 1_000 });
  await using other = stage.another();
  const { scheduler, clock } = stage;
  const work = blocker();
  const stolen = recorder(clock);
  scheduler.registerJob(work);
  other.registerJob(stolen);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await other.start();
  await clock.step(600_000);
  work.letGo();
  await clock.step(10);
  assertEquals([stolen.runs, work.signals[0].aborted], [[], false]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a job that takes longer than its interval never overlaps itself", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const starts: number[] = [];
  const slow = job(async () => {
    starts.push(stage.elapsed);
    await clock.sleep(2_500);
  });
  scheduler.registerJob(slow);
  await scheduler.start();
  await scheduler.scheduleJob("a", slow, { trigger: new SimpleTrigger(1_000) });
  await clock.step(10_600);
  assertEquals(starts, [1_000, 4_000, 7_000, 10_000]);
  await clock.step(2_000);
});

Deno.test("results that wait for the store keep their leases", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  await using other = stage.another();
  const { scheduler, clock, store, memory } = stage;
  const work = recorder(clock);
  const stolen = recorder(clock);
  scheduler.registerJob(work);
  other.registerJob(stolen);
  await scheduler.start();
  store.break("reschedule", "reject");
  await scheduler.scheduleJob("a", work);
  await clock.step(10);
  await other.start();
  await clock.step(5 * MINUTE);
  assertEquals((await memory.get("a"))?.status, "running");
  store.heal();
  await clock.step(5_000);
  assertEquals([work.runs, stolen.runs], [["a 0"], []]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("a lease counts from when it was asked for", async () => {
  await using stage = new Stage({ leaseMs: 30_000 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", { delayMs: 4_000 }, 1);
  store.break("renew", "reject");
  await scheduler.scheduleJob("a", work);
  await clock.step(9_999);
  assertEquals(store.count("renew"), 0);
  await clock.step(1);
  assertEquals(store.count("renew"), 1);
  await clock.step(19_999);
  assertEquals(work.signals[0].aborted, false);
  await clock.step(1);
  assertEquals(work.signals[0].aborted, true);
  work.letGo();
});

Deno.test("a hanging renewal aborts the job at the end of its lease, not before", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, store } = stage;
  const work = blocker();
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("renew", "hang");
  await scheduler.scheduleJob("a", work);
  await clock.step(2_999);
  assertEquals(work.signals[0].aborted, false);
  await clock.step(1);
  assertEquals(work.signals[0].aborted, true);
  work.letGo();
  store.heal();
});

Deno.test("deleting a task tells its job to end, and nothing comes back", async () => {
  await using stage = new Stage();
  const { scheduler, clock, logger } = stage;
  const work = blocker();
  scheduler.registerJob(work, { trigger: new SimpleTrigger(1_000) });
  await scheduler.start();
  await scheduler.scheduleJobs(
    ["a", "b"].map((slug) => ({ slug, job: work, delayMs: 0 })),
  );
  await clock.step(10);
  await scheduler.deleteJob("a");
  assertEquals(work.signals.map(({ aborted }) => aborted), [true, false]);
  assertInstanceOf(work.signals[0].reason, JobNotLockedError);
  work.letGo();
  await clock.step(10);
  await assertRejects(() => scheduler.getScheduledJob("a"), JobNotFoundError);
  assertEquals(await scheduler.getJobSlugs(), ["b"]);
  assertEquals(logger.messages("warn", "error"), []);
});

Deno.test("replacing a task tells its job to end, and the new one runs", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  scheduler.registerJob({
    kind: "work",
    async execute(task, { signal }) {
      seen.push(task.text());
      signals.push(signal);
      if (task.text() === "old") await gate.promise;
    },
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work", { payload: "old" });
  await scheduler.scheduleJob("b", "work", { payload: "other", delayMs: 1e6 });
  await clock.step(10);
  await scheduler.scheduleJob("a", "work", {
    payload: "new",
    onConflict: "replace",
    delayMs: 100,
  });
  assertInstanceOf(signals[0].reason, JobNotLockedError);
  gate.resolve();
  await clock.step(99);
  assertEquals(seen, ["old"]);
  await clock.step(1);
  assertEquals(seen, ["old", "new"]);
  assertEquals(await scheduler.getJobSlugs(), ["b"]);
});

Deno.test("a task that is deleted while another of its batch runs does not begin", async () => {
  const clock = new BusyClock(START);
  await using stage = new Stage({ clock });
  const { scheduler } = stage;
  const begun: string[] = [];
  const deletions: Promise<void>[] = [];
  scheduler.registerJob("work", ({ slug }) => {
    begun.push(slug);
    if (slug !== "a") return;
    deletions.push(scheduler.deleteJob("b"));
    clock.busy(60);
  });
  const slugs = ["a", "b", "c"];
  await scheduler.scheduleJobs(slugs.map((slug) => ({ slug, job: "work" })));
  await scheduler.start();
  await clock.step(10);
  await Promise.all(deletions);
  assertEquals(begun, ["a", "c"]);
  // The slot of the deleted one is free again.
  await scheduler.stop({ timeoutMs: Infinity });
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("no job begins on a lease that ended while another of its batch ran", async () => {
  const clock = new BusyClock(START);
  await using stage = new Stage({ clock, leaseMs: 100 });
  const { scheduler, memory } = stage;
  const begun: string[] = [];
  const seen: (boolean | number)[] = [];
  scheduler.registerJob("work", async ({ slug, version }, { signal }) => {
    begun.push(slug);
    if (slug === "a" && begun.length === 1) clock.busy(300);
    const { leaseEnd, retry } = (await memory.get(slug))!;
    seen.push(signal.aborted, Number(leaseEnd) > clock.now(), retry);
    assertEquals((await memory.get(slug))?.version, version);
  });
  const slugs = ["a", "b", "c"];
  await scheduler.scheduleJobs(slugs.map((slug) => ({ slug, job: "work" })));
  await scheduler.start();
  await clock.step(50);
  assertEquals(begun.slice(0, 3), ["a", "b", "c"]);
  // That of the first ended while its own job ran, which nobody can mend.
  assertEquals(seen.slice(3), [false, true, 0, false, true, 0]);
  assertEquals(await scheduler.getJobSlugs(), []);
});
