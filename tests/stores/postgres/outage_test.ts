import { assertEquals } from "@std/assert";
import { Outage } from "../../../stores/postgres/outage.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const LONG_MS = 3_600_000;

Deno.test("who pauses is woken when the server is known to be back", async () => {
  const clock = new SteppedClock();
  const outage = new Outage(clock);
  outage.reportFailure();
  const pauses = [outage.pause(LONG_MS), outage.pause(LONG_MS)];
  await clock.step(100);
  assertEquals(clock.sleepers, 2);
  outage.reportSuccess();
  await Promise.all(pauses);
  assertEquals(clock.sleepers, 0);
});

Deno.test("who begins to pause when the server is back pauses for a moment", async () => {
  const clock = new SteppedClock();
  const outage = new Outage(clock);
  outage.reportFailure();
  outage.reportSuccess();
  const paused = outage.pause(LONG_MS);
  await clock.step(49);
  assertEquals(clock.sleepers, 1);
  await clock.step(1);
  await paused;
});

Deno.test("a pause ends with its signal, and leaves nothing behind", async () => {
  const clock = new SteppedClock();
  const outage = new Outage(clock);
  outage.reportFailure();
  const end = new AbortController();
  const paused = outage.pause(LONG_MS, end.signal);
  await clock.step(100);
  end.abort();
  await paused;
  assertEquals(clock.sleepers, 0);
});

Deno.test("each failure is passed on until the listener is taken away", () => {
  const outage = new Outage();
  let doubts = 0;
  const end = outage.onFailure(() => doubts++);
  outage.reportFailure();
  outage.reportFailure();
  end();
  outage.reportFailure();
  assertEquals(doubts, 2);
});
