import { assertEquals, assertRejects } from "@std/assert";
import { within } from "../../../src/runtime/within.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const late = () => new Error("late");

Deno.test("within passes on what comes in time, and leaves no timer", async () => {
  const clock = new SteppedClock();
  assertEquals(await within(Promise.resolve(7), 10, late, { clock }), 7);
  const refused = Promise.reject(new TypeError("no"));
  await assertRejects(() => within(refused, 10, late, { clock }), TypeError);
  await clock.settle();
  assertEquals(clock.sleepers, 0);
});

Deno.test("within gives up when the time has passed", async () => {
  const clock = new SteppedClock();
  const { promise, resolve } = Promise.withResolvers<number>();
  const waiting = assertRejects(
    () => within(promise, 10, late, { clock }),
    Error,
    "late",
  );
  await clock.step(9);
  assertEquals(clock.sleepers, 1);
  await clock.step(1);
  await waiting;
  resolve(7);
});

Deno.test("within gives up when its signal aborts", async () => {
  const clock = new SteppedClock();
  const never = new Promise<void>(() => {});
  const aborted = AbortSignal.abort();
  await assertRejects(
    () => within(never, 10, late, { clock, signal: aborted }),
    Error,
    "late",
  );
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = assertRejects(
    () => within(never, 10, late, { clock, signal }),
    Error,
    "late",
  );
  controller.abort();
  await waiting;
  assertEquals(clock.sleepers, 0);
});

Deno.test("within leaves no listener on its signal, whatever happens", async () => {
  const clock = new SteppedClock();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    Reflect.apply(removeEventListener, signal, args);
  };
  await within(Promise.resolve(), 10, late, { clock, signal });
  assertEquals(listeners, 0);
  const never = new Promise<void>(() => {});
  const waiting = assertRejects(() =>
    within(never, 10, late, { clock, signal })
  );
  assertEquals(listeners, 1);
  await clock.step(10);
  await waiting;
  assertEquals(listeners, 0);
});

Deno.test("what fails after within gave up on it harms nobody", async () => {
  const clock = new SteppedClock();
  const { promise, reject } = Promise.withResolvers<void>();
  const waiting = assertRejects(
    () => within(promise, 10, late, { clock }),
    Error,
    "late",
  );
  await clock.step(10);
  await waiting;
  // Unheard, it would end the process.
  reject(new Error("at last"));
  await clock.settle();
});
