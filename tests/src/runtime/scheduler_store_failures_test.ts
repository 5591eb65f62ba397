import { assertEquals, assertRejects } from "@std/assert";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { blocker, recorder, Stage } from "../../helpers/stage.ts";
import type { Fault, StoreCall } from "../../helpers/faulty_store.ts";

const MINUTE = 60_000;

Deno.test("nothing is lost while a call of the store fails for a while", async () => {
  const calls: StoreCall[] = ["lock", "nextRun", "renew", "reschedule"];
  const faults: Fault[] = ["reject", "lose", { delayMs: 45_000 }];
  for (const call of calls) {
    for (const fault of faults) {
      await using stage = new Stage({ concurrency: 3 });
      const { scheduler, clock, store } = stage;
      const ran = new Map<string, number>();
      scheduler.registerJob({
        kind: "work",
        async execute({ slug }) {
          await clock.sleep(15_000);
          ran.set(slug, (ran.get(slug) ?? 0) + 1);
        },
      });
      await scheduler.start();
      const slugs = Array.from({ length: 20 }, (_, index) => `t${index + 10}`);
      await scheduler.scheduleJobs(
        slugs.map((slug, index) => ({
          slug,
          job: "work",
          delayMs: 1_000 * index,
        })),
      );
      await clock.step(5_000);
      store.break(call, fault);
      await clock.step(5 * MINUTE);
      store.heal();
      await clock.step(10 * MINUTE);
      assertEquals([...ran.keys()].sort(), slugs, `${call} ${fault}`);
      assertEquals(await scheduler.getJobSlugs(), [], `${call} ${fault}`);
    }
  }
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
    assertEquals(logger.messages("warn"), ["The store answers again"]);

    // The next outage starts with short pauses again.
    store.break(call, "reject", 1);
    await scheduler.scheduleJob("b", work);
    await clock.step(100);
    assertEquals(work.runs.length, 2);
  }
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

Deno.test("an answer of lock that got lost costs a lease, and no task", async () => {
  await using stage = new Stage({ leaseMs: 30_000, heartbeatMs: 86_400_000 });
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("lock", "lose", 1);
  await scheduler.scheduleJob("a", work);
  await clock.step(30_000);
  assertEquals(work.runs, ["a 30000"]);
  assertEquals(await scheduler.getJobSlugs(), []);
});

Deno.test("an answer of reschedule that got lost makes nothing run twice", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store, logger } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  store.break("reschedule", "lose", 2);
  await scheduler.scheduleJob("once", work);
  await scheduler.scheduleJob("again", work, {
    trigger: new SimpleTrigger(10_000),
  });
  await clock.step(20_000);
  assertEquals(work.runs, ["once 0", "again 10000", "again 20000"]);
  assertEquals(logger.messages("warn"), []);
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

Deno.test("while results cannot be stored, no more than twice the slots are claimed", async () => {
  await using stage = new Stage({ concurrency: 3 });
  const { scheduler, clock, store, memory } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  store.break("reschedule", "reject");
  await scheduler.scheduleJobs(
    Array.from({ length: 20 }, (_, index) => ({ slug: `${index}`, job: work })),
  );
  await scheduler.start();
  await clock.step(5 * MINUTE);
  const slugs = await memory.getSlugs();
  const tasks = await Promise.all(slugs.map((slug) => memory.get(slug)));
  const running = tasks.filter((task) => task?.status === "running");
  assertEquals([running.length, work.runs.length], [6, 6]);
  store.heal();
  await clock.step(10_000);
  assertEquals([work.runs.length, await scheduler.getJobSlugs()], [20, []]);
});

Deno.test("what ends while an answer is outstanding is settled in one batch", async () => {
  await using stage = new Stage({ concurrency: 20 });
  const { scheduler, clock, store } = stage;
  scheduler.registerJob({
    kind: "work",
    execute: ({ slug }) => clock.sleep(Number(slug)),
  });
  store.break("reschedule", { delayMs: 100 });
  await scheduler.scheduleJobs(
    Array.from({ length: 20 }, (_, index) => ({
      slug: `${index + 1}`,
      job: "work",
    })),
  );
  await scheduler.start();
  await clock.step(1_000);
  assertEquals(store.batches, [1, 19]);
});

Deno.test("what the user asks of a store that fails rejects, and nothing else breaks", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  const asks: [StoreCall, () => Promise<unknown>][] = [
    ["create", () => scheduler.scheduleJob("a", work)],
    ["getSlugs", () => scheduler.getJobSlugs()],
    ["get", () => scheduler.getScheduledJob("a")],
    ["delete", () => scheduler.deleteJob("a")],
    ["clear", () => scheduler.clear()],
  ];
  for (const [call, ask] of asks) {
    store.break(call, "reject");
    await assertRejects(ask, Error, `${call} failed`);
  }
  store.heal();
  await scheduler.scheduleJob("a", work);
  await clock.step(0);
  assertEquals(work.runs, ["a 0"]);
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

Deno.test("a watch that cannot be ended is told, and stops nothing from stopping", async () => {
  await using stage = new Stage();
  const { clock, memory, logger } = stage;
  const { watch } = memory;
  Object.assign(memory, {
    async watch(onChange: () => void) {
      await using _watch = await watch.call(memory, onChange);
      return {
        [Symbol.asyncDispose]: () => Promise.reject(new Error("cut off")),
      };
    },
  });
  const scheduler = stage.another();
  await scheduler.start();
  await scheduler.stop();
  assertEquals(logger.messages("warn"), ["Cannot end the watch: cut off"]);
  assertEquals(clock.sleepers, 0);
});
