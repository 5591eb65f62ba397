import pg from "pg";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import type { Contender, OpenContender } from "./contender.ts";

class OpenScheduler implements OpenContender {
  readonly #pool: pg.Pool;
  readonly #producer: StdScheduler;
  #worker: StdScheduler | undefined;
  #inserted = 0;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url });
    this.#producer = new StdScheduler(new PostgresStore(this.#pool));
  }

  insertDue(count: number): Promise<void> {
    return this.#insert(count, 0);
  }

  insertFuture(count: number): Promise<void> {
    return this.#insert(count, 3_600_000);
  }

  async schedule(number: number): Promise<void> {
    await this.#producer.scheduleJob(`single-${number}`, "noop", {
      payload: `${number}`,
    });
  }

  async work(
    aim: "throughput" | "latency",
    onRun: (number: number) => void,
  ): Promise<void> {
    this.#worker = new StdScheduler(new PostgresStore(this.#pool), {
      concurrency: aim === "throughput" ? 1_000 : 100,
    });
    this.#worker.registerJob({
      kind: "noop",
      execute: (task) => onRun(Number(task.text())),
    });
    await this.#worker.start();
  }

  async close(): Promise<void> {
    await this.#worker?.stop();
    await this.#pool.end();
  }

  async #insert(count: number, delayMs: number): Promise<void> {
    for (let left = count; left > 0; left -= 10_000) {
      await this.#producer.scheduleJobs(
        Array.from({ length: Math.min(left, 10_000) }, () => ({
          slug: `task-${this.#inserted++}`,
          job: "noop",
          delayMs,
        })),
      );
    }
  }
}

/** This library. */
export const scheduler: Contender = {
  name: "@x/scheduler",
  open: (url) => Promise.resolve(new OpenScheduler(url)),
};
