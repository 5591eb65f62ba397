import { lanesSql, plainKinds } from "./claim_sql.ts";
import type { Statement } from "./client.ts";
import { instant, ms } from "./sql_parts.ts";

/** How many tasks whose time to stay has passed are removed at once. */
const MAX_PRUNED = 500;

/**
 * Finds the soonest head of all lanes. Parameters: kinds, and what to note of
 * the instance that asks, if there is a table of them.
 */
export function lookSql(table: string, instances?: string): Statement {
  return {
    name: instances === undefined ? "next_run" : "next_run_noting",
    text: `with ${lanesSql(table, plainKinds("$1::text[]"))}${
      instances === undefined ? "" : noteSql(instances)
    }
select ${ms("clock_timestamp()")} as now,
  (select ${ms("min(head)")} from lanes) as soonest,
  ${isStaleSql(table)} as stale`,
  };
}

/** Whether there is a task whose time to stay has passed. */
export function isStaleSql(table: string): string {
  return `coalesce((select keep_until from ${table}
    where keep_until is not null order by keep_until limit 1) <= now(), false)`;
}

/** Records that an instance lives, and forgets those that do not. */
function noteSql(instances: string): string {
  return `, noted as (
  insert into ${instances} (id, name, kinds, slots, library, app, started_at,
    stopping, timeout_ms, seen_at)
  values ($2, $3, $4::text[], $5, $6, $7, ${instant("$8::float8")}, $9, $10,
    clock_timestamp())
  on conflict (id) do update set name = excluded.name, kinds = excluded.kinds,
    slots = excluded.slots, library = excluded.library, app = excluded.app,
    started_at = excluded.started_at, stopping = excluded.stopping,
    timeout_ms = excluded.timeout_ms, seen_at = excluded.seen_at
), forgotten as (
  delete from ${instances} where id = any(array(
    select id from ${instances}
    where id <> $2 and now() > seen_at + timeout_ms * interval '1 ms'
    for update skip locked
  ))
)`;
}

export function pruneSql(table: string): Statement {
  return {
    name: "prune",
    text: `delete from ${table} where ctid = any(array(
  select ctid from ${table} where keep_until <= now()
  order by keep_until limit ${MAX_PRUNED} for update skip locked
))`,
  };
}
