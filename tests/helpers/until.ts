import { setTimeout as delay } from "node:timers/promises";

/** Only what never comes true takes as long, on however busy a machine. */
const PATIENCE_MS = 60_000;

/** Waits until a condition holds, for what no event tells of. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  problem: () => string = () => `${condition} stayed false`,
): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (!await condition()) {
    if (performance.now() > giveUp) throw new Error(problem());
    await delay(5);
  }
}
