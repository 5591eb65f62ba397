import type {
  InstanceRecord,
  NextRun,
  NextRunRequest,
} from "../../src/api/job_store.ts";
import type { PgTable } from "./table.ts";
import { toDate } from "./values.ts";

/** Longer than any process lives, and short enough for an interval. */
const MAX_TIMEOUT_MS = 1e13;

/** Looks for what is due, and keeps house meanwhile. */
export class PgLooker {
  readonly #table: PgTable;

  constructor(table: PgTable) {
    this.#table = table;
  }

  /** See `ClaimingStore.nextRun`. */
  async nextRun({ kinds, instance }: NextRunRequest): Promise<NextRun> {
    const { nextRun, nextRunNoting, prune } = this.#table.sql;
    const values: unknown[] = [[...new Set(kinds)]];
    if (instance !== undefined) values.push(...instanceValues(instance));
    const [row] = await this.#table.run(
      "find the next task",
      instance === undefined ? nextRun : nextRunNoting,
      values,
    );
    if (row.stale) {
      await this.#table.run("remove tasks that have ended", prune, []);
    }
    return {
      now: new Date(Math.floor(Number(row.now))),
      when: row.soonest === null ? undefined : toDate(row.soonest),
    };
  }
}

function instanceValues(instance: InstanceRecord): unknown[] {
  return [
    instance.id,
    instance.name,
    instance.kinds,
    instance.slots,
    instance.library,
    instance.app ?? null,
    instance.startedAt.getTime(),
    instance.stopping,
    Math.min(instance.timeoutMs, MAX_TIMEOUT_MS),
  ];
}
