import { MemoryStore } from "../stores/memory.ts";
import { SteppedClock, testJobStore } from "./testing.ts";

testJobStore({
  name: "memory store",
  test: Deno.test,
  open() {
    const clock = new SteppedClock();
    const store = new MemoryStore({ clock });
    return Promise.resolve({
      store,
      clock,
      elapse: (ms) => clock.step(ms),
      another: () => Promise.resolve(store),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});
