import { claimSql } from "./claim_sql.ts";
import type { Statement } from "./client.ts";
import { DETAILS } from "./columns.ts";
import { type CreateParts, createSql, staysSql } from "./create_sql.ts";
import { lookSql, pruneSql } from "./look_sql.ts";
import type { TableNames } from "./names.ts";
import { renewSql, type SettleParts, settleSql } from "./settle_sql.ts";
import { ms } from "./sql_parts.ts";

/** The statements on one table. Instants are in milliseconds since 1970. */
export interface StoreSql {
  /** See `createSql`. */
  create(parts: CreateParts): Statement;
  /** In: slugs. Out: those that are taken. */
  readonly findTaken: Statement;
  /** In: creation, slugs. Out: the slugs that it created, replaced or merged. */
  readonly findCreation: Statement;
  /** In: kinds. Out: `now`, `soonest`, whether something is `stale`. */
  readonly nextRun: Statement;
  /** The same, and notes an instance. */
  readonly nextRunNoting: Statement;
  /** Removes some tasks whose time to stay has passed. */
  readonly prune: Statement;
  /** See `claimSql`. */
  readonly lock: Statement;
  /** The same where kinds have limits of their own. */
  readonly lockCapped: Statement;
  /** See `renewSql`. */
  readonly renew: Statement;
  /** See `settleSql`. */
  settle(parts: SettleParts): Statement;
  /** Out: all slugs. */
  readonly getSlugs: Statement;
  /** In: slug. Out: the task. */
  readonly get: Statement;
  /** In: slug. Out: whether it was still there to be seen. */
  readonly delete: Statement;
  /** Deletes everything. */
  readonly clear: Statement;
  /** Out: the instances that live. */
  readonly listInstances: Statement;
  /** In: id. */
  readonly removeInstance: Statement;
  /** In: channel, message. */
  readonly notify: Statement;
}

/** Makes the statements for a table. */
export function storeSql({ table, instances }: TableNames): StoreSql {
  return {
    create: (parts) => createSql(table, parts),
    findTaken: {
      name: "find_taken",
      text: `select slug from ${table} s
where slug = any($1::text[]) and ${staysSql("s")}`,
    },
    findCreation: {
      name: "find_creation",
      text: `select slug, revision > 0 as edited from ${table}
where creation = $1 and slug = any($2::text[])`,
    },
    nextRun: lookSql(table),
    nextRunNoting: lookSql(table, instances),
    prune: pruneSql(table),
    lock: claimSql(table, false),
    lockCapped: claimSql(table, true),
    renew: renewSql(table),
    settle: (parts) => settleSql(table, parts),
    getSlugs: {
      name: "get_slugs",
      text: `select slug from ${table} s where ${staysSql("s")}`,
    },
    get: {
      name: "get",
      text: `select ${DETAILS} from ${table} s
where s.slug = $1 and ${staysSql("s")}`,
    },
    delete: {
      name: "delete",
      text: `delete from ${table} s where slug = $1
returning ${staysSql("s")} as stayed`,
    },
    clear: { name: "clear", text: `delete from ${table}` },
    listInstances: {
      name: "list_instances",
      text: `select id, name, kinds, slots, library, app,
  ${ms("started_at")} as started_at, stopping, timeout_ms,
  ${ms("seen_at")} as seen_at
from ${instances} where now() <= seen_at + timeout_ms * interval '1 ms'
order by id`,
    },
    removeInstance: {
      name: "remove_instance",
      text: `delete from ${instances} where id = $1`,
    },
    notify: { name: "notify", text: `select pg_notify($1, $2)` },
  };
}
