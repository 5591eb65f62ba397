import { assertEquals } from "@std/assert";
import type { NextRunRequest } from "../../../src/api/job_store.ts";
import { StoreClock } from "../../../src/runtime/store_clock.ts";
import { START } from "../../helpers/stage.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const HOUR = 3_600_000;

function later(ms: number): Date {
  return new Date(START.getTime() + ms);
}

/** A store whose clock is so far ahead, and that counts who asks. */
function storeAhead(clock: SteppedClock, ms: number) {
  const store = {
    asked: 0,
    nextRun({ kinds }: NextRunRequest) {
      assertEquals(kinds, []);
      store.asked++;
      return Promise.resolve({
        now: new Date(clock.now() + ms),
        when: undefined,
      });
    },
  };
  return store;
}

Deno.test("the store's clock is the machine's until the store has answered", () => {
  const clock = new SteppedClock(START);
  const storeClock = new StoreClock(clock, 60_000);
  assertEquals(storeClock.now(), START);
  assertEquals(storeClock.toMonotonic(later(5_000)), 5_000);
  clock.jump(HOUR);
  assertEquals(storeClock.now(), later(HOUR));
  assertEquals(storeClock.toMonotonic(later(HOUR + 5_000)), 5_000);
});

Deno.test("the store's clock goes on from its last answer", async () => {
  const clock = new SteppedClock(START);
  const storeClock = new StoreClock(clock, 60_000);
  await clock.step(500);
  storeClock.update(later(HOUR));
  await clock.step(1_500);
  assertEquals(storeClock.now(), later(HOUR + 1_500));
  assertEquals(storeClock.toMonotonic(later(HOUR + 1_500)), 2_000);
  assertEquals(storeClock.toMonotonic(later(HOUR)), 500);
});

Deno.test("a jump of the machine's wall clock moves the store's clock not at all", async () => {
  const clock = new SteppedClock(START);
  const storeClock = new StoreClock(clock, 60_000);
  storeClock.update(START);
  clock.jump(-HOUR);
  await clock.step(10);
  assertEquals(storeClock.now(), later(10));
});

Deno.test("the store is asked for the time if its last answer is too old", async () => {
  const clock = new SteppedClock(START);
  const store = storeAhead(clock, HOUR);
  const storeClock = new StoreClock(clock, 60_000);
  assertEquals(await storeClock.read(store), later(HOUR));
  await clock.step(60_000);
  assertEquals(await storeClock.read(store), later(HOUR + 60_000));
  assertEquals(store.asked, 1);
  await clock.step(1);
  assertEquals(await storeClock.read(store), later(HOUR + 60_001));
  assertEquals(store.asked, 2);
});
