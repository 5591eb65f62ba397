import { assert, assertEquals } from "@std/assert";
import {
  FirestoreClock,
  micros,
  millis,
} from "../../../stores/firestore/clock.ts";

const HOUR_MS = 3_600_000;

/** The server's clock, which is ahead by so much. */
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

Deno.test("FirestoreClock: follows the server's clock, however far it is off", () => {
  for (const offsetMs of [HOUR_MS, -HOUR_MS]) {
    const clock = new FirestoreClock();
    assert(!clock.fresh);
    assert(Math.abs(ahead(clock)) < 100);
    clock.note(server(offsetMs), performance.now());
    assert(clock.fresh);
    assert(Math.abs(ahead(clock) - offsetMs) < 100);
  }
});

Deno.test("FirestoreClock: is behind by the round trip at most, and never ahead", () => {
  const clock = new FirestoreClock();
  // Read from the clock 300 ms ago, of a round trip of 400 ms.
  clock.note(server(-300), performance.now() - 400);
  const lag = -ahead(clock);
  assert(lag >= 299 && lag < 350, `behind by ${lag} ms`);
  assert(clock.latest() >= clock.now() + 400);
  // A quicker answer tells more.
  clock.note(server(-10), performance.now() - 20);
  assert(-ahead(clock) < 60 && ahead(clock) <= 0);
  assert(clock.latest() - clock.now() < 40);
  // A slow one does not undo that.
  clock.note(server(-2_000), performance.now() - 3_000);
  assert(-ahead(clock) < 60 && ahead(clock) <= 0);
});

Deno.test("FirestoreClock: follows a clock that is set back", () => {
  const clock = new FirestoreClock();
  clock.note(server(0), performance.now());
  clock.note(server(-HOUR_MS), performance.now() - 5);
  assert(Math.abs(ahead(clock) + HOUR_MS) < 100);
});

Deno.test("FirestoreClock: instants have microseconds, and fractions of milliseconds", () => {
  const time = { seconds: 1_795_465_788, nanoseconds: 674_745_000 };
  assertEquals(micros(time), 1_795_465_788_674_745);
  assert(Number.isSafeInteger(micros({ seconds: 4e9, nanoseconds: 1 })));
  assertEquals(Math.floor(millis(time)), 1_795_465_788_674);
  assertEquals(millis({ seconds: -1, nanoseconds: 250_000_000 }), -750);
});
