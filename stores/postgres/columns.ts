import { ms } from "./sql_parts.ts";

/** A column of the table of tasks. */
interface Column {
  readonly name: string;
  /** Its type, and what it may hold. */
  readonly type: string;
  /** What a new task has, unless its creation says. */
  readonly fresh?: string;
}

/**
 * The columns in the order in which rows store them: those of fixed size that
 * are always there come first, for they are found fastest.
 */
export const COLUMNS: readonly Column[] = [
  { name: "version", type: "bigint not null" },
  { name: "creation", type: "bigint not null" },
  { name: "run_at", type: "timestamptz not null" },
  { name: "scheduled_for", type: "timestamptz not null" },
  { name: "created_at", type: "timestamptz not null" },
  { name: "retry", type: "integer not null", fresh: "0" },
  { name: "crashes", type: "integer not null", fresh: "0" },
  { name: "revision", type: "integer not null", fresh: "0" },
  { name: "priority", type: "smallint not null" },
  { name: "gate", type: "smallint not null", fresh: "0" },
  { name: "edited", type: "boolean not null", fresh: "false" },
  { name: "manual", type: "boolean not null", fresh: "false" },
  { name: "limited", type: "boolean not null", fresh: "false" },
  { name: "status", type: "text not null", fresh: "'scheduled'" },
  { name: "slug", type: 'text collate "C" primary key' },
  { name: "kind", type: 'text collate "C" not null' },
  { name: "result", type: "text not null", fresh: "''" },
  { name: "payload", type: "bytea not null" },
  { name: "claimable_at", type: "timestamptz" },
  { name: "token", type: "bigint", fresh: "null" },
  { name: "holder", type: "text", fresh: "null" },
  { name: "claimed_at", type: "timestamptz", fresh: "null" },
  { name: "rerun_at", type: "timestamptz", fresh: "null" },
  { name: "cancel", type: "text", fresh: "null" },
  { name: "key", type: 'text collate "C"' },
  { name: "owner", type: 'text collate "C"' },
  { name: "declared", type: "text" },
  { name: "trigger", type: "text" },
  { name: "keep_ms", type: "double precision" },
  { name: "keep_until", type: "timestamptz", fresh: "null" },
  { name: "last_started", type: "timestamptz", fresh: "null" },
  { name: "last_ended", type: "timestamptz", fresh: "null" },
  { name: "last_outcome", type: "text", fresh: "null" },
  { name: "last_error", type: "text", fresh: "null" },
  { name: "progress", type: "text", fresh: "null" },
  { name: "trace", type: "text" },
];

/** The definitions of all columns. */
export function columnDefinitions(): string[] {
  return COLUMNS.map(({ name, type, fresh }) =>
    fresh === undefined || fresh === "null"
      ? `${name} ${type}`
      : `${name} ${type} default ${fresh}`
  );
}

/**
 * What `lock` reads of the row `s`, in as few columns as may be: what is usual
 * comes as null, and what is rare as one array.
 */
export const CLAIMED: string = `s.slug, s.kind, s.version, s.retry,
  nullif(s.result, '') as result, nullif(s.payload, '') as payload,
  ${ms("s.run_at")} as run_at, ${ms("s.claimable_at")} as claimable_at,
  case when s.scheduled_for <> s.run_at then ${ms("s.scheduled_for")} end
    as scheduled_for,
  case when s.trigger is not null or s.crashes > 0 or s.priority <> 3
      or s.key is not null or s.revision > 0 or s.keep_ms is not null
    then json_build_array(s.trigger, s.crashes, s.priority, s.key, s.revision,
      s.keep_ms)::text end as rare`;

/** What every reading of the row `s` has; what is usual comes as null. */
const RECORD: string = `s.slug, s.kind, s.trigger, s.version, s.token,
  s.retry, s.crashes, s.priority, s.key, s.revision, s.keep_ms, s.status,
  nullif(s.result, '') as result, nullif(s.payload, '') as payload,
  ${ms("s.run_at")} as run_at, ${ms("s.claimable_at")} as claimable_at,
  case when s.scheduled_for <> s.run_at then ${ms("s.scheduled_for")} end
    as scheduled_for`;

/** What `get` reads of the row `s`. */
export const DETAILS: string = `${RECORD}, s.holder, s.last_outcome,
  s.last_error, s.owner, s.declared,
  ${
  ["created_at", "claimed_at", "last_started", "last_ended", "keep_until"]
    .concat("rerun_at").map((name) => `${ms(`s.${name}`)} as ${name}`)
    .join(", ")
}`;
