/** Recovery: what a dead process held, or an outage held up, goes on by itself. */
import { assertEquals } from "@std/assert";
import { lockRequest } from "../conformance/store_harness.ts";
import { recorder, Stage } from "../helpers/stage.ts";

Deno.test("the work of a process that died is taken over when its lease ends", async () => {
  await using stage = new Stage({ heartbeatMs: 86_400_000 });
  const { scheduler, clock, memory } = stage;
  await scheduler.scheduleJob("a", "work");
  await memory.lock(lockRequest({ limit: 1, leaseMs: 30_000 }));
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await clock.step(29_999);
  assertEquals(work.runs, []);
  await clock.step(1);
  assertEquals(work.runs, ["a 30000"]);
});

Deno.test("a job whose lease ran out fails without using up a retry", async () => {
  await using stage = new Stage({ leaseMs: 3_000 });
  const { scheduler, clock, store } = stage;
  const retries: number[] = [];
  scheduler.registerJob({
    kind: "work",
    execute(task, { signal }) {
      retries.push(task.retry);
      if (retries.length > 1) return;
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  await scheduler.start();
  await scheduler.scheduleJob("a", "work");
  await clock.step(10);
  store.break("renew", "reject");
  await clock.step(20_000);
  assertEquals(retries, [0, 0]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("nobody has to wait for a wake-up after an outage", async () => {
  await using stage = new Stage({ heartbeatMs: 86_400_000 });
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", "reject");
  await scheduler.scheduleJob("a", work, { delayMs: 10_000 });
  await scheduler.scheduleJob("b", work, { delayMs: 80_000 });
  await clock.step(70_000);
  store.heal();
  await clock.step(10_001);
  assertEquals(work.runs.map((run) => run.split(" ")[0]), ["a", "b"]);
});

Deno.test("a store that cannot be reached is not hammered, and noticed when it is back", async () => {
  for (const call of ["lock", "nextRun"] as const) {
    await using stage = new Stage();
    const { scheduler, clock, store, logger } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    await scheduler.start();
    store.break(call, "reject");
    store.calls.clear();
    await scheduler.scheduleJob("a", work);
    // After 0.1, 0.2, 0.4 … 6.4 s, then each 10 s.
    await clock.step(12_700);
    assertEquals(store.count(call), 8);
    await clock.step(100_000);
    assertEquals(store.count(call), 18);
    const errors = logger.messages("error");
    assertEquals(errors.length, 18);
    assertEquals(
      errors[17],
      `Cannot look for due tasks, next try in 10000 ms: ${call} failed`,
    );
    store.heal();
    await clock.step(10_000);
    assertEquals(work.runs.length, 1);
    assertEquals(logger.messages("warn"), ["The store is back"]);

    // The next outage starts with short pauses again.
    store.break(call, "reject", 1);
    await scheduler.scheduleJob("b", work);
    await clock.step(100);
    assertEquals(work.runs.length, 2);
  }
});
