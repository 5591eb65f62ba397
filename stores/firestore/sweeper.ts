import type { FirestoreInstances } from "./instances.ts";
import type { FirestoreQueries } from "./queries.ts";
import type { FirestoreRequests } from "./requests.ts";

/** How often to look for what has stayed long enough, as each look costs. */
const SWEEP = { usualMs: 600_000, knownMs: 60_000 };
/** How many tasks are removed at a time. */
const MAX_REMOVED = 20;

/** Removes, now and then, tasks and instances whose time has passed. */
export class FirestoreSweeper {
  readonly #requests: FirestoreRequests;
  readonly #queries: FirestoreQueries;
  readonly #instances: FirestoreInstances;
  #tasksAt = -Infinity;
  #instancesAt = -Infinity;

  constructor(
    requests: FirestoreRequests,
    queries: FirestoreQueries,
    instances: FirestoreInstances,
  ) {
    this.#requests = requests;
    this.#queries = queries;
    this.#instances = instances;
  }

  /** Notes that there is a task that will have to be removed. */
  expect(): void {
    this.#tasksAt = Math.min(
      this.#tasksAt,
      this.#requests.timer.monotonic() + SWEEP.knownMs,
    );
  }

  /** Removes some of what is to go, if it is time to look. */
  async sweep(): Promise<void> {
    const present = this.#requests.timer.monotonic();
    const sweeps: Promise<void>[] = [];
    if (present >= this.#tasksAt) {
      this.#tasksAt = present + SWEEP.usualMs;
      sweeps.push(this.#sweepTasks());
    }
    if (present >= this.#instancesAt) {
      this.#instancesAt = present + SWEEP.usualMs;
      sweeps.push(this.#sweepInstances());
    }
    await Promise.all(sweeps);
  }

  async #sweepTasks(): Promise<void> {
    const now = new Date(this.#requests.clock.now());
    const { docs } = await this.#requests.query(
      this.#queries.keptUntil(now, MAX_REMOVED),
    );
    await this.#requests.write(docs.map(({ ref, updateTime }) => ({
      ref,
      fields: undefined,
      updateTime: updateTime!,
    })));
    if (docs.length === MAX_REMOVED) this.#tasksAt = -Infinity;
  }

  async #sweepInstances(): Promise<void> {
    if (await this.#instances.bury()) this.#instancesAt = -Infinity;
  }
}
