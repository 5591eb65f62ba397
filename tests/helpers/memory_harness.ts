import type { FullStore } from "../../src/api/job_store.ts";
import { MemoryStore } from "../../stores/memory.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";
import { SteppedClock } from "./stepped_clock.ts";

/** Makes a store in memory on a clock. */
export type MakeStore = new (options: { clock: SteppedClock }) => FullStore;

/** A memory store, or one like it, on a stepped clock. */
export function memoryHarness(
  Store: MakeStore = MemoryStore,
): Promise<StoreHarness<FullStore>> {
  const clock = new SteppedClock();
  const store = new Store({ clock });
  return Promise.resolve({
    store,
    clock,
    patienceMs: 100,
    elapse: (ms) => clock.step(ms),
    another: () => Promise.resolve(store),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
