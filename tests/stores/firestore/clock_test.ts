import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  FirestoreClock,
  micros,
  millis,
} from "../../../stores/firestore/clock.ts";
import { StoppedTime } from "../../helpers/stopped_time.ts";

const HOUR_MS = 3_600_000;

/** What the server's clock shows that is ahead by so much. */
function server(aheadMs: number) {
  const ms = Date.now() + aheadMs;
  return {
    seconds: Math.floor(ms / 1_000),
    nanoseconds: (ms % 1_000) * 1_000_000,
  };
}

/** How far a clock is ahead of this machine's, in milliseconds. */
function ahead(clock: FirestoreClock): number {
  return clock.now() - Date.now();
}

/** Whether the clocks are apart by so much, but for a millisecond of rounding. */
function assertAhead(clock: FirestoreClock, ms: number): void {
  assertAlmostEquals(ahead(clock), ms, 1);
}

Deno.test("FirestoreClock: follows the server's clock, however far it is off", () => {
  for (const offsetMs of [HOUR_MS, -HOUR_MS]) {
    using time = new StoppedTime();
    const clock = new FirestoreClock();
    assert(!clock.fresh);
    assertAhead(clock, 0);
    clock.note(server(offsetMs), performance.now());
    assert(clock.fresh);
    assertAhead(clock, offsetMs);
    time.pass(60_000);
    assertAhead(clock, offsetMs);
  }
});

Deno.test("FirestoreClock: is behind by the round trip at most, and never ahead", () => {
  using _time = new StoppedTime();
  const clock = new FirestoreClock();
  // Read from the clock 300 ms ago, of a round trip of 400 ms.
  clock.note(server(-300), performance.now() - 400);
  assertAhead(clock, -300);
  assert(clock.latest() >= clock.now() + 400);
  // A quicker answer tells more.
  clock.note(server(-10), performance.now() - 20);
  assertAhead(clock, -10);
  assertAlmostEquals(clock.latest() - clock.now(), 21, 1);
  // A slow one does not undo that.
  clock.note(server(-2_000), performance.now() - 3_000);
  assertAhead(clock, -10);
});

Deno.test("FirestoreClock: follows a clock that is set back", () => {
  using _time = new StoppedTime();
  const clock = new FirestoreClock();
  clock.note(server(0), performance.now());
  clock.note(server(-HOUR_MS), performance.now() - 5);
  assertAhead(clock, -HOUR_MS);
});

Deno.test("FirestoreClock: is stale after two minutes, or when the wall clock jumped", () => {
  using time = new StoppedTime();
  const clock = new FirestoreClock();
  clock.note(server(0), performance.now());
  time.pass(119_000);
  assert(clock.fresh);
  time.pass(1_001);
  assert(!clock.fresh);
  clock.note(server(0), performance.now());
  assert(clock.fresh);
  time.jump(HOUR_MS);
  assert(!clock.fresh);
});

Deno.test("FirestoreClock: instants have microseconds, and fractions of milliseconds", () => {
  const time = { seconds: 1_795_465_788, nanoseconds: 674_745_000 };
  assertEquals(micros(time), 1_795_465_788_674_745);
  assert(Number.isSafeInteger(micros({ seconds: 4e9, nanoseconds: 1 })));
  assertEquals(Math.floor(millis(time)), 1_795_465_788_674);
  assertEquals(millis({ seconds: -1, nanoseconds: 250_000_000 }), -750);
});
