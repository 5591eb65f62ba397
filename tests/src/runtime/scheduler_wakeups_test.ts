import { assertEquals } from "@std/assert";
import type { Clock } from "../../../src/api/clock.ts";
import type {
  JobStore,
  LockRequest,
  StoreChange,
} from "../../../src/api/job_store.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { at, recorder, Stage } from "../../helpers/stage.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
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

Deno.test("an idle hour costs one question a minute, and no claim", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.scheduleJobs(
    Array.from({ length: 1_000 }, (_, index) => ({
      slug: `${index}`,
      job: work,
      delayMs: 2 * HOUR + index,
    })),
  );
  await scheduler.start();
  await scheduler.scheduleJob("now", work);
  await clock.step(10);
  assertEquals(work.runs, ["now 0"]);
  store.calls.clear();
  await clock.step(HOUR);
  assertEquals(Object.fromEntries(store.calls), { nextRun: 60 });
});

Deno.test("a scheduler without a job of its own claims nothing", async () => {
  await using stage = new Stage();
  const { scheduler, clock, store } = stage;
  await scheduler.scheduleJob("a", "elsewhere");
  await scheduler.start();
  await clock.step(HOUR);
  store.break("nextRun", "reject", 3);
  await clock.step(HOUR);
  await scheduler.scheduleJob("b", "elsewhere");
  await clock.step(0);
  assertEquals(store.count("lock"), 0);
});

Deno.test("tasks of kinds that it does not know do not wake it", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock, store } = stage;
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  await clock.step(10);
  store.calls.clear();
  for (let index = 0; index < 100; index++) {
    await scheduler.scheduleJob(`${index}`, "elsewhere");
    await clock.step(10);
  }
  assertEquals([store.count("lock"), store.count("nextRun")], [0, 0]);
});

Deno.test("a task that is due sooner than known is not late, however soon", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("hour", work, { delayMs: HOUR });
  await clock.step(10);
  await scheduler.scheduleJob("minute", work, { delayMs: MINUTE });
  await clock.step(10);
  await scheduler.scheduleJob("second", work, { delayMs: 1_000 });
  await clock.step(10);
  await scheduler.scheduleJob("now", work);
  await clock.step(HOUR);
  assertEquals(work.runs, [
    "now 30",
    "second 1020",
    "minute 60010",
    "hour 3600000",
  ]);
});

Deno.test("tasks of another process wake it as well", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  const producer = stage.another();
  await clock.step(10);
  await producer.scheduleJob("a", "work");
  await clock.step(10);
  await producer.scheduleJob("b", "work", { delayMs: 100 });
  await clock.step(200);
  assertEquals(work.runs, ["a 10", "b 120"]);
});

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
  // What is due when it looks runs a moment later, what is not on time.
  assertEquals(work.runs, ["now 60001", "soon 80000"]);
});

Deno.test("a recurring task needs no wake-up from elsewhere", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock, store } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { trigger: new SimpleTrigger(1_000) });
  store.calls.clear();
  await clock.step(100_000);
  assertEquals(work.runs.length, 100);
  assertEquals(work.runs[99], "a 100000");
  // One claim, one settlement and one look ahead for each run.
  assertEquals(store.count("lock") <= 101, true);
  assertEquals(store.count("nextRun") <= 201, true);
});

Deno.test("a delay of 80 days ends on the millisecond", async () => {
  await using stage = new Stage({ heartbeatMs: DAY });
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { delayMs: 80 * DAY + 7 });
  await clock.step(80 * DAY + 6);
  assertEquals(work.runs, []);
  await clock.step(1);
  assertEquals(work.runs, [`a ${80 * DAY + 7}`]);
});

Deno.test("a wall clock that jumps is noticed by the heartbeat", async () => {
  for (const jump of [HOUR, -HOUR]) {
    await using stage = new Stage();
    const { scheduler, clock } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    await scheduler.start();
    await scheduler.scheduleJob("a", work, { when: at(90 * MINUTE) });
    await clock.step(10_000);
    clock.jump(jump);
    await clock.step(30 * MINUTE + MINUTE);
    assertEquals(work.runs.length, jump > 0 ? 1 : 0);
    await clock.step(2 * HOUR);
    // By the wall clock it is due at 01:30; back, it is known in advance.
    assertEquals(work.runs, [`a ${90 * MINUTE - jump}`]);
  }
});

Deno.test("a wall clock that jumps past a due time costs a heartbeat at most", async () => {
  await using stage = new Stage();
  const { scheduler, clock } = stage;
  const work = recorder(clock);
  scheduler.registerJob(work);
  await scheduler.start();
  await scheduler.scheduleJob("a", work, { when: at(30 * MINUTE) });
  await clock.step(10_000);
  clock.jump(HOUR);
  await clock.step(50_001);
  assertEquals(work.runs, ["a 60001"]);
});

Deno.test("a store whose clock jumps makes nothing spin, and loses nothing", async () => {
  for (const jump of [HOUR, -HOUR]) {
    await using stage = new Stage({ leaseMs: 30_000 });
    const { scheduler, clock, store } = stage;
    const ends: boolean[] = [];
    scheduler.registerJob({
      kind: "work",
      async execute(_task, { signal }) {
        await clock.sleep(10 * MINUTE, signal);
        ends.push(signal.aborted);
      },
    });
    await scheduler.start();
    await scheduler.scheduleJob("a", "work");
    await clock.step(MINUTE);
    clock.jump(jump);
    await clock.step(20 * MINUTE);
    // Ahead, the store sees the lease as over: the task starts anew.
    assertEquals(ends, jump > 0 ? [true, false] : [false]);
    assertEquals(await scheduler.getJobSlugs(), []);
    assertEquals(store.count("lock") < 50, true);
    assertEquals(store.count("nextRun") < 100, true);
  }
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
  await memory.lock({ kinds: ["work"], limit: 1, leaseMs: 10 * MINUTE });
  await scheduler.start();
  await clock.step(9 * MINUTE);
  assertEquals([store.count("lock"), store.count("nextRun")], [0, 10]);
});

Deno.test("a clock that is hours off does no harm: the store's counts", async () => {
  for (const skewMs of [5 * HOUR, -5 * HOUR]) {
    const clock = new SteppedClock();
    const store = new MemoryStore({ clock });
    const skewed: Clock = {
      now: () => clock.now() + skewMs,
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
      random: () => clock.random(),
    };
    await using scheduler = new StdScheduler(store, {
      clock: skewed,
      heartbeatMs: DAY,
      logger: new RecordingLogger(),
    });
    const runs: string[] = [];
    scheduler.registerJob({
      kind: "work",
      execute({ slug, retry }) {
        runs.push(`${slug} ${clock.monotonic()}`);
        if (slug === "retry" && retry === 0) throw new Error("no luck");
      },
    });
    await scheduler.start();
    await scheduler.scheduleJob("delay", "work", { delayMs: 1_000 });
    await scheduler.scheduleJob("retry", "work");
    await scheduler.scheduleJob("trigger", "work", {
      trigger: new SimpleTrigger(4_000),
    });
    await clock.step(10_999);
    assertEquals(runs, [
      "retry 0",
      "delay 1000",
      "trigger 4000",
      "trigger 8000",
      "retry 10000",
    ]);
  }
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
    async nextRun(kinds: string[]) {
      const next = await nextRun.call(store, kinds);
      return crowded ? { ...next, when: next.now } : next;
    },
  });
  await using scheduler = new StdScheduler(store, { clock });
  scheduler.registerJob(recorder(clock));
  await scheduler.start();
  await clock.step(1_000);
  assertEquals(asked.slice(-3), [127, 255, 511]);

  // It got one, though it is told of more at once: short pauses again.
  asked = [];
  given = true;
  await scheduler.scheduleJob("a", "work");
  await clock.settle();
  given = false;
  await clock.step(30);
  assertEquals(asked, [1_000, 1_001, 1_003, 1_007, 1_015]);

  // It is told of none that is due: short pauses again, for the next.
  crowded = false;
  await clock.step(1_000);
  asked = [];
  crowded = true;
  await scheduler.scheduleJob("b", "work");
  await clock.step(10);
  assertEquals(asked, [2_030, 2_031, 2_033, 2_037]);
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
