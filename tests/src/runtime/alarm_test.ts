import { assertEquals } from "@std/assert";
import { Alarm } from "../../../src/runtime/alarm.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

function ringing(clock: SteppedClock) {
  const alarm = new Alarm(clock);
  const rung: number[] = [];
  const wait = () => alarm.ring().then(() => void rung.push(clock.monotonic()));
  return { alarm, rung, wait };
}

Deno.test("an alarm rings at the soonest of its moments, once", async () => {
  const clock = new SteppedClock();
  const { alarm, rung, wait } = ringing(clock);
  alarm.setAt(300);
  void wait();
  await clock.step(50);
  alarm.setAt(100);
  alarm.setAt(200);
  await clock.step(1_000);
  assertEquals(rung, [100]);
  assertEquals(clock.sleepers, 0);
});

Deno.test("an alarm that has rung is not set any more", async () => {
  const clock = new SteppedClock();
  const { alarm, rung, wait } = ringing(clock);
  alarm.setAt(100);
  alarm.setAt(200);
  void wait();
  await clock.step(150);
  void wait();
  await clock.step(500);
  assertEquals(rung, [100]);
  alarm.setAt(700);
  await clock.step(500);
  assertEquals(rung, [100, 700]);
});

Deno.test("an alarm that was set while nobody waited rings at once", async () => {
  const clock = new SteppedClock();
  const { alarm, rung, wait } = ringing(clock);
  alarm.setAt(100);
  await clock.step(150);
  void wait();
  await clock.settle();
  alarm.setNow();
  void wait();
  await clock.settle();
  assertEquals(rung, [150, 150]);
});

Deno.test("setNow wakes who waits, even without any moment", async () => {
  const clock = new SteppedClock();
  const { alarm, rung, wait } = ringing(clock);
  void wait();
  await clock.step(10 * 86_400_000);
  assertEquals(rung, []);
  alarm.setNow();
  await clock.settle();
  assertEquals(rung, [10 * 86_400_000]);
  assertEquals(clock.sleepers, 0);
});

Deno.test("an alarm waits for months, to the millisecond", async () => {
  const clock = new SteppedClock();
  const { alarm, rung, wait } = ringing(clock);
  const far = 80 * 86_400_000 + 7;
  alarm.setAt(far);
  void wait();
  await clock.step(far - 1);
  assertEquals(rung, []);
  await clock.step(1);
  assertEquals(rung, [far]);
});

Deno.test("an alarm that is set again and again leaves no sleeper behind", async () => {
  const clock = new SteppedClock();
  const { alarm, wait } = ringing(clock);
  void wait();
  for (let moment = 1_000; moment > 500; moment--) {
    alarm.setAt(moment);
    await Promise.resolve();
  }
  await clock.settle();
  assertEquals(clock.sleepers, 1);
  alarm.setNow();
  await clock.settle();
  assertEquals(clock.sleepers, 0);
});
