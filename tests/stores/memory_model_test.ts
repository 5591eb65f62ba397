import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../stores/memory.ts";
import { lockNew, newTask, settlement } from "../conformance/store_harness.ts";
import { memoryHarness } from "../helpers/memory_harness.ts";
import { checkStoreModel } from "../helpers/store_model.ts";

Deno.test("the memory store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(() => memoryHarness(), { runs: 500, commands: 60 });
});

Deno.test("the memory store copies buffers, which share memory when sliced", async () => {
  const store = new MemoryStore();
  const payload = Buffer.from("abc");
  await store.create([newTask("a", { payload, kind: "other" })]);
  payload[0] = 0;
  const { payload: kept } = (await store.get("a"))!;
  assertEquals([kept.constructor, kept[0]], [Uint8Array, 97]);

  const task = await lockNew(store, "b");
  const changed = Buffer.from("xyz");
  await store.reschedule([settlement(task, { payload: changed })]);
  changed[0] = 0;
  assertEquals((await store.get("b"))!.payload[0], 120);
});
