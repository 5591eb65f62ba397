import { assertEquals, assertRejects } from "@std/assert";
import { recorder, Stage } from "../../helpers/stage.ts";
import type { StoreCall } from "../../helpers/faulty_store.ts";

const MINUTE = 60_000;
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
