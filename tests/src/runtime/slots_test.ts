import { assertEquals } from "@std/assert";
import { Slots } from "../../../src/runtime/slots.ts";

Deno.test("slots count what runs, and tell of each that comes free", () => {
  let told = 0;
  const slots = new Slots(2, () => told++);
  slots.take();
  slots.take();
  assertEquals([slots.free, slots.total, told], [0, 2, 0]);
  slots.giveBack();
  assertEquals([slots.free, told], [1, 1]);
});

Deno.test("slots are idle when nothing runs any more", async () => {
  const slots = new Slots(2, () => {});
  await slots.idle();
  slots.take();
  slots.take();
  let isIdle = false;
  const idle = Promise.all([slots.idle(), slots.idle()])
    .then(() => isIdle = true);
  slots.giveBack();
  await Promise.resolve();
  assertEquals(isIdle, false);
  slots.giveBack();
  await idle;
});
