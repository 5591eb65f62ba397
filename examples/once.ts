/**
 * One-offs with a payload: a payment that nobody confirms within two seconds is
 * cancelled. One of two is confirmed, which deletes its task; the other is not.
 *
 *     deno run examples/once.ts
 */
import { StdScheduler } from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

type Payment = { id: string; cents: number };

const PAYMENTS: readonly Payment[] = [
  { id: "P-1", cents: 995 },
  { id: "P-2", cents: 4_200 },
];

const ended = Promise.withResolvers<void>();

await using scheduler = new StdScheduler(new MemoryStore());
scheduler.registerJob("cancel-payment", (task) => {
  const { id, cents } = task.json<Payment>();
  say(`${id} over ${(cents / 100).toFixed(2)} € is cancelled`);
  ended.resolve();
});
await scheduler.start();

for (const payment of PAYMENTS) {
  await scheduler.scheduleJob(`cancel:${payment.id}`, "cancel-payment", {
    delayMs: 2_000,
    payload: payment,
  });
  say(`${payment.id} began: it is cancelled in two seconds, unless confirmed`);
}

await scheduler.deleteJob("cancel:P-1");
say("P-1 is confirmed");

await ended.promise;
