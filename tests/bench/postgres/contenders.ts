import { bareSql } from "./bare_sql.ts";
import type { Contender } from "./contender.ts";
import { graphileWorker } from "./graphile_worker.ts";
import { pgBoss } from "./pg_boss.ts";
import { scheduler } from "./scheduler.ts";

/** All that take part. */
export const contenders: readonly Contender[] = [
  scheduler,
  graphileWorker,
  pgBoss,
  bareSql,
];
