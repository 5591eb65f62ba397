import { PgBoss } from "pg-boss";
import type { Contender, OpenContender } from "./contender.ts";

const QUEUE = "noop";

class OpenBoss implements OpenContender {
  readonly #boss: PgBoss;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  insertDue(count: number): Promise<void> {
    return this.#insert(count, undefined);
  }

  insertFuture(count: number): Promise<void> {
    return this.#insert(count, 3_600);
  }

  async schedule(number: number): Promise<void> {
    await this.#boss.send(QUEUE, { number });
  }

  async work(
    aim: "throughput" | "latency",
    onRun: (number: number) => void,
  ): Promise<void> {
    const options = {
      pollingIntervalSeconds: 0.5,
      batchSize: aim === "throughput" ? 2_000 : 100,
      burstWhenBatchFull: true,
    };
    await this.#boss.work<{ number: number }>(QUEUE, options, (jobs) => {
      for (const job of jobs) onRun(job.data?.number);
      return Promise.resolve();
    });
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: true, close: true });
  }

  async #insert(count: number, startAfter?: number): Promise<void> {
    for (let left = count; left > 0; left -= 10_000) {
      await this.#boss.insert(
        QUEUE,
        Array.from({ length: Math.min(left, 10_000) }, () => ({
          data: { number: 0 },
          startAfter,
        })),
      );
    }
  }
}

/** https://github.com/timgit/pg-boss */
export const pgBoss: Contender = {
  name: "pg-boss",
  async open(url) {
    const boss = new PgBoss({ connectionString: url, useListenNotify: true });
    boss.on("error", console.error);
    await boss.start();
    await boss.createQueue(QUEUE, { notify: true });
    return new OpenBoss(boss);
  },
};
