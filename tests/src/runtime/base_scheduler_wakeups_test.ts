import { assertEquals } from "@std/assert";
import type {
  JobStore,
  LockRequest,
  NextRunRequest,
  StoreChange,
} from "../../../src/api/job_store.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { recorder, Stage } from "../../helpers/stage.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";
import { lockRequest } from "../../conformance/store_harness.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A memory store whose watch tells what the test makes of each change. */
function watchedAs(
  clock: SteppedClock,
  translate: (change: StoreChange) => StoreChange | undefined,
): JobStore {
  const store = new MemoryStore({ clock });
  const { watch } = store;
  return Object.assign(store, {
    watch: (onChange: (change: StoreChange) => void) =>
      watch.call(store, (change) => {
        const told = translate(change);
        if (told !== undefined) onChange(told);
      }),
  });
}
Deno.test("a change that tells neither when nor which kinds wakes it at once", async () => {
  for (const known of [{ kinds: undefined }, { when: undefined }]) {
    const clock = new SteppedClock();
    const store = watchedAs(clock, (change) => ({ ...change, ...known }));
    await using scheduler = new StdScheduler(store, {
      clock,
      heartbeatMs: DAY,
    });
    const work = recorder(clock);
    scheduler.registerJob(work);
    await scheduler.start();
    await clock.step(10);
    await scheduler.scheduleJob("now", work);
    await scheduler.scheduleJob("later", work, { delayMs: 100 });
    await clock.step(200);
    assertEquals(work.runs, ["now 10", "later 110"]);
  }
});

Deno.test("the heartbeat finds what no wake-up told of", async () => {
  const clock = new SteppedClock();
  const store = watchedAs(clock, () => undefined);
  await using scheduler = new StdScheduler(store, { clock });
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await clock.step(10_000);
  await scheduler.scheduleJob("now", work);
  await scheduler.scheduleJob("soon", work, { delayMs: 70_000 });
  await clock.step(2 * MINUTE);
  assertEquals(work.runs, ["now 12000", "soon 80000"]);
});

Deno.test("jitter makes it look later, by less than it says, and miss nothing", async () => {
  await using stage = new Stage({ jitterMs: 100, heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work);
  await scheduler.scheduleJob("b", work, { delayMs: 1_000 });
  await clock.step(2_000);
  // The stepped clock's randomness is always in the middle.
  assertEquals(work.runs, ["a 50", "b 1050"]);
});

Deno.test("a task that another process holds makes nothing spin", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store, memory } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJob("a", work);
  await memory.lock(lockRequest({ limit: 1, leaseMs: 10 * MINUTE }));
  await scheduler.start();
  await clock.step(9 * MINUTE);
  assertEquals([store.count("lock"), store.count("nextRun")], [0, 46]);
});

Deno.test("whoever was too late for a task is in time for the next", async () => {
  const clock = new SteppedClock();
  const store = new MemoryStore({ clock });
  const { lock, nextRun } = store;
  let crowded = true;
  let given = false;
  let asked: number[] = [];
  Object.assign(store, {
    lock(request: LockRequest) {
      asked.push(clock.monotonic());
      return given ? lock.call(store, request) : Promise.resolve([]);
    },
    async nextRun(request: NextRunRequest) {
      const next = await nextRun.call(store, request);
      return crowded ? { ...next, when: next.now } : next;
    },
  });
  await using scheduler = new StdScheduler(store, { clock });
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  await clock.step(1_000);
  assertEquals(asked.slice(-3), [126, 254, 510]);

  // It got one, though it is told of more at once: short pauses again.
  asked = [];
  given = true;
  await scheduler.scheduleJob("a", "work");
  await clock.settle();
  given = false;
  await clock.step(30);
  assertEquals(asked, [1_000, 1_000, 1_002, 1_006, 1_014, 1_030]);

  // It is told of none that is due: short pauses again, for the next.
  crowded = false;
  await clock.step(1_000);
  asked = [];
  crowded = true;
  await scheduler.scheduleJob("b", "work");
  await clock.step(10);
  assertEquals(asked, [2_030, 2_030, 2_032, 2_036]);
});

Deno.test("a store that tells of due tasks and gives none is asked ever less often", async () => {
  const clock = new SteppedClock();
  const store = new MemoryStore({ clock });
  let asked = 0;
  const stingy = Object.assign(store, {
    nextRun: () =>
      Promise.resolve({ now: new Date(clock.now()), when: new Date(0) }),
    lock() {
      asked++;
      return Promise.resolve([]);
    },
  });
  await using scheduler = new StdScheduler(stingy, { clock });
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  // After 1, 2, 4 … 512 ms, then each second.
  await clock.step(1_023);
  assertEquals(asked, 10);
  await clock.step(60_000);
  assertEquals(asked, 70);
});
