import { memoryHarness } from "../helpers/memory_harness.ts";
import { checkInterleavings } from "./check_interleavings.ts";

Deno.test("the memory store: each operation in each state, and a crash", async () => {
  await checkInterleavings(() => memoryHarness());
});

Deno.test("the memory store: each operation in each state after each other one", async () => {
  await checkInterleavings(() => memoryHarness(), { pairs: true });
});
