import { memoryHarness } from "../helpers/memory_harness.ts";
import { testJobStore } from "../testing.ts";

testJobStore({
  name: "memory store",
  test: Deno.test,
  open: () => memoryHarness(),
});
