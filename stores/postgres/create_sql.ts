import type { OnConflict } from "../../src/api/job_store.ts";
import type { Statement } from "./client.ts";
import { COLUMNS } from "./columns.ts";
import { isStaleSql } from "./look_sql.ts";
import { few, instant, ms, rowsOf, tell } from "./sql_parts.ts";

/** What a statement that creates has to do. */
export interface CreateParts {
  /** What to do about slugs that are taken. */
  readonly modes: readonly OnConflict[];
  /** Whether any task has one of the fields that few tasks have. */
  readonly extras: boolean;
}

/** The arrays of a creation, in the order of the parameters. */
const ARRAYS = [
  ["slug", "text"],
  ["kind", "text"],
  ["payload", "bytea"],
  ["trigger", "text"],
  ["ms", "float8"],
  ["relative", "boolean"],
  ["priority", "smallint"],
] as const;
const EXTRAS = [
  ["key", "text"],
  ["keep_ms", "float8"],
  ["owner", "text"],
  ["declared", "text"],
] as const;

/** What a creation gives each column. */
const GIVEN: Record<string, string> = {
  version: "version",
  creation: "$1::bigint",
  run_at: "at",
  scheduled_for: "at",
  created_at: "now",
  claimable_at: "at",
};

/**
 * Parameters: creation, channel, head of the message, kinds; the arrays; those
 * of the extras, and the modes if they differ. Out: `taken`, the slugs that were
 * taken; `old`, those that were replaced or merged; `made`, those of `keep` that
 * were created; `due` of the soonest, and whether it `is_due`.
 */
export function createSql(table: string, parts: CreateParts): Statement {
  const { modes, extras } = parts;
  const isMixed = modes.length > 1;
  const arrays: (readonly [string, string])[] = [...ARRAYS];
  if (extras) arrays.push(...EXTRAS);
  if (isMixed) arrays.push(["mode", "text"]);
  const rows = rowsOf(
    ...arrays.map(([, type], index) => `$${index + 5}::${type}[]`),
  );
  const names = arrays.map(([name]) => name).join(", ");
  const only = (mode: OnConflict) => isMixed ? `i.mode = '${mode}'` : "true";
  const given = { ...GIVEN };
  for (const [name] of extras ? [...ARRAYS, ...EXTRAS] : ARRAYS) {
    if (COLUMNS.some((column) => column.name === name)) given[name] = name;
  }
  const taken = modes.includes("error")
    ? `select s.slug from input i cross join lateral (
    select s.slug from ${table} s where s.slug = i.slug and ${staysSql("s")}
    limit 1
  ) s where ${few("i.n")} and ${only("error")}`
    : "select slug from input where false";
  return {
    name: `create_${modes.join("_")}${extras ? "_extras" : ""}`,
    text: `with clock as (select clock_timestamp() as now), input as (
  select i.*, now, (date_part('epoch', now) * 1e6)::bigint as version,
    case when i.relative then date_trunc('milliseconds', now)
      + i.ms * interval '1 ms' else ${instant("i.ms")} end as at
  from clock, ${rows} with ordinality as i(${names}, n)
), taken as (${taken}), gone as (
  delete from ${table} s using (
    select s.row from input i cross join lateral (
      select s.ctid as row from ${table} s
      where s.slug = i.slug and s.keep_until <= now() limit 1 for update
    ) s where ${isStaleSql(table)} and ${few("i.n")}
      and not exists (select from taken)
  ) old where s.ctid = old.row
  returning s.slug
),
${modes.map((mode) => insertSql(table, mode, only(mode), given)).join(",\n")},
created as (
  ${modes.map((mode) => `select * from created_${mode}`).join(" union all ")}
)
select array(select slug from taken) as taken,
  array(select slug from created where old) as old,
  ${
      modes.includes("keep")
        ? "array(select slug from created_keep)"
        : "null::text[]"
    } as made,
  (select ${ms("min(at)")} from created) as due,
  (select min(at) <= clock_timestamp() from created) as is_due,
  ${tell("created", "$4::text", "$2", "$3")}`,
  };
}

/** Whether a row still takes its slug. */
export function staysSql(row: string): string {
  return `(${row}.keep_until is null or ${row}.keep_until > now())`;
}

/**
 * A row that was there has been locked by the transaction that updates it, which
 * shows in its `xmax`; a new one has none.
 */
function insertSql(
  table: string,
  mode: OnConflict,
  only: string,
  given: Record<string, string>,
): string {
  const columns = Object.keys(given);
  const updates = {
    error: "",
    keep: "on conflict (slug) do nothing",
    replace: `on conflict (slug) do update set ${assign(replaced)}`,
    rerun: `on conflict (slug) do update set ${assign(rerun)}`,
  };
  return `created_${mode} as (
  insert into ${table} as s (${columns.join(", ")})
  select ${columns.map((column) => given[column]).join(", ")}
  from input i where ${only} and not exists (select from taken)
    and (select count(*) from gone) >= 0
  order by slug
  ${updates[mode]} returning slug, s.xmax <> 0 as old,
    case when status = 'scheduled' then claimable_at end as at
)`;
}

function assign(value: (column: string, anew: string) => string): string {
  return COLUMNS.filter(({ name }) => name !== "slug")
    .map(({ name, fresh }) =>
      `${name} = ${value(name, fresh ?? `excluded.${name}`)}`
    ).join(",\n    ");
}

/** A task that starts anew stays behind its gate. */
function replaced(column: string, anew: string): string {
  switch (column) {
    case "gate":
      return "s.gate";
    case "claimable_at":
      return "case when s.gate = 0 then excluded.claimable_at end";
    case "version":
      return "greatest(s.version + 1, excluded.version)";
    case "revision":
      return "s.revision + 1";
    default:
      return anew;
  }
}

/** One that has ended starts anew, one that waits does so for less long. */
function rerun(column: string, anew: string): string {
  const isSooner = "s.status = 'scheduled' and excluded.run_at < s.run_at";
  switch (column) {
    case "creation":
      return anew;
    case "created_at":
    case "revision":
      return `s.${column}`;
    case "rerun_at":
      return "case when s.status = 'running' " +
        "then least(s.rerun_at, excluded.run_at) end";
    case "run_at":
    case "scheduled_for":
      return `case when s.status in ('scheduled', 'running')
      and not (${isSooner}) then s.${column} else excluded.${column} end`;
    case "claimable_at":
      return `case when s.status = 'running' then s.claimable_at
      when s.gate = 0 then case when s.status = 'scheduled'
        then least(s.claimable_at, excluded.claimable_at)
        else excluded.claimable_at end end`;
    default:
      return `case when s.status in ('scheduled', 'running') then s.${column}
      else ${replaced(column, anew)} end`;
  }
}
