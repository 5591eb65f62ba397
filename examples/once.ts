/**
 * A one-off with a payload: transactions that nobody confirms are cancelled.
 *
 *     deno run examples/once.ts
 */
import { type Job, StdScheduler } from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

interface Transaction {
  id: string;
  cents: number;
}

const ended = Promise.withResolvers<void>();
const cancel: Job = {
  kind: "cancel-transaction",
  execute(task) {
    const { id, cents } = task.json<Transaction>();
    say(`cancelled ${id} over ${cents / 100} €: nobody confirmed it in time`);
    ended.resolve();
  },
};

await using scheduler = new StdScheduler(new MemoryStore());
scheduler.registerJob(cancel);
await scheduler.start();

for (
  const transaction of [{ id: "T-1", cents: 995 }, { id: "T-2", cents: 4_200 }]
) {
  await scheduler.scheduleJob(`cancel:${transaction.id}`, cancel, {
    delayMs: 2_000,
    payload: transaction,
  });
  say(`began ${transaction.id}: it is cancelled in two seconds, unless …`);
}

await scheduler.deleteJob("cancel:T-1");
say("… it is confirmed, as T-1 just was");

await ended.promise;
