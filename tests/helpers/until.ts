import { setTimeout as delay } from "node:timers/promises";
import { GrowingPause } from "../../src/core/growing_pause.ts";

/** Only what never comes true takes as long, on however busy a machine. */
const PATIENCE_MS = 60_000;

/** Waits until a condition holds, for what no event tells of. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  problem: () => string = () => `${condition} stayed false`,
): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  // Asking all the time would keep a database from what is waited for.
  const pause = new GrowingPause({ firstMs: 2, longestMs: 100 });
  while (!await condition()) {
    if (performance.now() > giveUp) throw new Error(problem());
    await delay(pause.next());
  }
}
