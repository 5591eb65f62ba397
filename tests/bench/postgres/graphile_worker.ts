import {
  makeWorkerUtils,
  run,
  type Runner,
  type WorkerUtils,
} from "graphile-worker";
import { Logger } from "graphile-worker";
import type { Contender, OpenContender } from "./contender.ts";

const logger = new Logger(() => () => {});

class OpenGraphile implements OpenContender {
  readonly #url: string;
  readonly #utils: WorkerUtils;
  #runner: Runner | undefined;

  constructor(url: string, utils: WorkerUtils) {
    this.#url = url;
    this.#utils = utils;
  }

  insertDue(count: number): Promise<void> {
    return this.#insert(count, new Date());
  }

  insertFuture(count: number): Promise<void> {
    return this.#insert(count, new Date(Date.now() + 3_600_000));
  }

  async schedule(number: number): Promise<void> {
    await this.#utils.addJob("noop", { number });
  }

  async work(
    aim: "throughput" | "latency",
    onRun: (number: number) => void,
  ): Promise<void> {
    const throughput = {
      localQueue: { size: 1_000 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    };
    this.#runner = await run({
      connectionString: this.#url,
      logger,
      noHandleSignals: true,
      taskList: {
        noop: (payload) => onRun((payload as { number: number }).number),
      },
      preset: {
        worker: {
          concurrentJobs: aim === "throughput" ? 96 : 24,
          maxPoolSize: 12,
          pollInterval: 2_000,
          ...aim === "throughput" && throughput,
        },
      },
    });
  }

  async close(): Promise<void> {
    await this.#runner?.stop();
    await this.#utils.release();
  }

  async #insert(count: number, runAt: Date): Promise<void> {
    for (let left = count; left > 0; left -= 10_000) {
      await this.#utils.addJobs(
        Array.from({ length: Math.min(left, 10_000) }, () => ({
          identifier: "noop",
          payload: { number: 0 },
          runAt,
        })),
      );
    }
  }
}

/** https://worker.graphile.org */
export const graphileWorker: Contender = {
  name: "graphile-worker",
  async open(url) {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    return new OpenGraphile(url, utils);
  },
};
