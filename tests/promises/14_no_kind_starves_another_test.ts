/** No kind starves another: kinds of equal priority take turns. */
import { assert, assertEquals } from "@std/assert";
import type { Job } from "../../src/api/job.ts";
import { at, job, Stage } from "../helpers/stage.ts";

Deno.test("a backlog of one kind lets the others have their turn", async () => {
  await using stage = new Stage({ concurrency: 1 });
  const { scheduler, clock } = stage;
  const order: string[] = [];
  const record: Job["execute"] = async ({ slug }) => {
    order.push(slug);
    await clock.sleep(1);
  };
  scheduler.registerJob(job(record, "flood"));
  scheduler.registerJob(job(record, "rare"));
  await scheduler.scheduleJobs([
    ...Array.from({ length: 20 }, (_, index) => ({
      slug: `flood ${index}`,
      job: "flood",
      when: at(-1_000 + 10 * index),
    })),
    { slug: "rare", job: "rare", when: at(-955) },
  ]);
  await scheduler.start();
  await clock.step(100);
  assertEquals(order.indexOf("rare") <= 1, true);
  assertEquals(order.length, 21);
});

Deno.test("a single task waits for one start per other due kind, whatever the backlog", async () => {
  for (const concurrency of [1, 3]) {
    await using stage = new Stage({ concurrency });
    const { scheduler, clock } = stage;
    const order: string[] = [];
    for (const kind of ["flood", "rare", "scarce"]) {
      scheduler.registerJob(kind, async ({ slug }) => {
        order.push(slug);
        await clock.sleep(1);
      });
    }
    await scheduler.scheduleJobs(
      Array.from({ length: 500 }, (_, index) => ({
        slug: `flood ${index}`,
        job: "flood",
        when: at(-60_000 + index),
      })),
    );
    await scheduler.start();
    await clock.step(50);
    // Both come due when those that run at the moment end.
    for (const round of ["1", "2", "3"]) {
      const before = order.length;
      await scheduler.scheduleJobs(
        ["rare", "scarce"].map((kind) => ({
          slug: `${kind} ${round}`,
          job: kind,
          when: at(stage.elapsed),
        })),
      );
      await clock.step(10);
      for (const kind of ["rare", "scarce"]) {
        const waited = order.indexOf(`${kind} ${round}`) - before;
        // One start of each of the two other kinds, at most.
        assert(
          waited >= 0 && waited <= 2,
          `${kind} ${round} waited for ${waited} starts at ${concurrency}`,
        );
      }
    }
    assert(order.length < 506, "the backlog was there all the time");
    await clock.step(1_000);
    assertEquals(order.length, 506);
  }
});
