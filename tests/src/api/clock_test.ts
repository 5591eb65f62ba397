import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { systemClock } from "../../../src/api/clock.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

/** How many listeners an AbortSignal has been given and kept. */
function countListeners(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    count++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count--;
    Reflect.apply(removeEventListener, signal, args);
  };
  return () => count;
}

Deno.test("the system clock sleeps no less than asked for", async () => {
  const started = performance.now();
  await systemClock.sleep(5.5);
  assertGreaterOrEqual(performance.now() - started, 5.5);
});

Deno.test("the system clock lets others go first when it sleeps for 0 ms", async () => {
  let turned = false;
  const timer = setTimeout(() => turned = true, 0);
  await systemClock.sleep(0);
  clearTimeout(timer);
  assertEquals(turned, true);
});

Deno.test("the system clock wakes at once when the signal aborts", async () => {
  const abort = new AbortController();
  const listeners = countListeners(abort.signal);
  const started = performance.now();
  const slept = systemClock.sleep(60_000, abort.signal);
  assertEquals(listeners(), 1);
  abort.abort();
  await slept;
  await systemClock.sleep(60_000, abort.signal);
  assertLess(performance.now() - started, 10_000);
  assertEquals(listeners(), 0);
});

Deno.test("the system clock leaves no listener behind", async () => {
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  await systemClock.sleep(1, signal);
  assertEquals(listeners(), 0);
});

Deno.test("the system clock sleeps longer than a timer can", async () => {
  for (const ms of [2 ** 31, 80 * 86_400_000, Infinity]) {
    const abort = new AbortController();
    let awake = false;
    const slept = systemClock.sleep(ms, abort.signal).then(() => awake = true);
    await systemClock.sleep(5);
    assertEquals(awake, false);
    abort.abort();
    await slept;
  }
});

Deno.test("the system clock sets no timer that is too long for a timer", async () => {
  const { setTimeout: original } = globalThis;
  const delays: number[] = [];
  const recording = (run: () => void, ms: number) => {
    delays.push(ms);
    return original(run, ms);
  };
  const abort = new AbortController();
  try {
    Object.assign(globalThis, { setTimeout: recording });
    const slept = systemClock.sleep(80 * 86_400_000, abort.signal);
    await new Promise((resolve) => original(resolve, 5));
    abort.abort();
    await slept;
  } finally {
    Object.assign(globalThis, { setTimeout: original });
  }
  assertEquals(delays, [2 ** 31 - 1]);
});

Deno.test("the system clock tells the time", () => {
  const earlier = Date.now();
  const now = systemClock.now();
  assertEquals(earlier <= now && now <= Date.now(), true);
  const before = systemClock.monotonic();
  assertGreaterOrEqual(systemClock.monotonic(), before);
  const random = systemClock.random();
  assertEquals(random >= 0 && random < 1, true);
});

Deno.test("the stepped clock stands still until it is stepped", async () => {
  const start = new Date("2030-05-06T07:08:09Z");
  const clock = new SteppedClock(start);
  await clock.settle();
  assertEquals([clock.now(), clock.monotonic()], [start.getTime(), 0]);
  await clock.step(1_500);
  assertEquals([clock.now(), clock.monotonic()], [
    start.getTime() + 1_500,
    1_500,
  ]);
});

Deno.test("the stepped clock wakes sleepers in the order of their times", async () => {
  const clock = new SteppedClock();
  const woken: string[] = [];
  const sleep = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name} ${clock.monotonic()}`);
  };
  void sleep("c", 30);
  void sleep("a", 10).then(() => sleep("b", 10));
  void sleep("d", 31);
  assertEquals(clock.sleepers, 3);
  await clock.step(30);
  assertEquals(woken, ["a 10", "b 20", "c 30"]);
  assertEquals(clock.sleepers, 1);
  await clock.step(1);
  assertEquals(clock.sleepers, 0);
});

Deno.test("the stepped clock wakes a sleeper whose signal aborts", async () => {
  const clock = new SteppedClock();
  const abort = new AbortController();
  const listeners = countListeners(abort.signal);
  const slept = clock.sleep(1_000, abort.signal);
  abort.abort();
  await slept;
  await clock.sleep(1_000, abort.signal);
  assertEquals([clock.sleepers, listeners()], [0, 0]);
});

Deno.test("the stepped clock goes on sleeping when its wall clock jumps", async () => {
  const clock = new SteppedClock();
  const started = clock.now();
  let awake = false;
  const slept = clock.sleep(1_000).then(() => awake = true);
  clock.jump(3_600_000);
  await clock.settle();
  assertEquals([awake, clock.monotonic()], [false, 0]);
  assertEquals(clock.now() - started, 3_600_000);
  clock.jump(-7_200_000);
  await clock.step(1_000);
  assertEquals([awake, clock.now() - started], [true, -3_599_000]);
  await slept;
});
