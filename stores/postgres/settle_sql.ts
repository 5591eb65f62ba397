import type { Statement } from "./client.ts";
import {
  few,
  fromNow,
  hidden,
  instant,
  ms,
  rowsOf,
  tell,
} from "./sql_parts.ts";

/** What a statement that settles has to do. */
export interface SettleParts {
  /** Whether tasks are removed. */
  readonly remove: boolean;
  /** Whether tasks go on, or stay. */
  readonly move: boolean;
  /** Whether any of them gets a new payload. */
  readonly payloads: boolean;
}

/** Where the claim `c` still holds. */
const HOLDS = `s.slug = c.slug and s.version = c.version
  and s.token = c.token and s.status = 'running'`;

/** The claims `c`, each with its place `i`. */
function claims(next: () => string): string {
  const arrays = ["text", "bigint", "bigint"]
    .map((type) => `${next()}::${type}[]`);
  return `${rowsOf(...arrays)} with ordinality as c(slug, version, token, i)`;
}

/**
 * What became of each claim, in order; null: of all of them the same, what was
 * asked for.
 *
 * @param done Rows with the places of those that took effect.
 * @param word Says that it took effect.
 * @param usual Whether nothing is unusual about those that took effect.
 */
function outcomes(
  table: string,
  claims: string,
  done: string,
  word: string,
  usual = "true",
): string {
  return `(select case when count(*) < (select count(*) from ${claims})
      or not bool_and(${usual}) then array(
    select case when d.i is not null then ${word}
      when s.slug is null then 'lost'
      when s.rerun_at is not null then 'again'
      else 'busy' end
    from ${claims} left join lateral (
      select s.slug, s.rerun_at from ${table} s where ${HOLDS} limit 1
    ) s on true left join ${done} d on d.i = c.i
    order by c.i) end from ${done}) as ${done}`;
}

/**
 * Locks the rows of claims that hold, and passes over what others have locked.
 * Each row is looked up by itself: where the planner could join, it would take
 * a walk over the whole index for as cheap while the table is empty.
 */
function held(
  table: string,
  claims: string,
  { condition = "true", columns = "", selected = "" } = {},
): string {
  return `as materialized (
  select s.row, c.i${selected} from ${claims} cross join lateral (
    select s.ctid as row${columns} from ${table} s where ${HOLDS}
      and ${condition} limit 1 for update skip locked
  ) s where ${few("c.i")}
)`;
}

/** Parameters: slugs, versions, tokens, lease. */
export function renewSql(table: string): Statement {
  let used = 0;
  const renewing = claims(() => `$${++used}`);
  return {
    name: "renew",
    text: `with held ${held(table, renewing)}, renewed as (
  update ${table} s set claimable_at = ${fromNow("$4")}
  from held where s.ctid = held.row returning held.i, s.cancel
)
select ${
      outcomes(
        table,
        renewing,
        "renewed",
        "case when d.cancel is null then 'held' else 'cancelled' end",
        "cancel is null",
      )
    }`,
  };
}

/** The arrays of a move beside its claim, in the order of the parameters. */
const MOVE = [
  ["status", "text"],
  ["at", "float8"],
  ["fire", "float8"],
  ["retry", "int"],
  ["crashes", "int"],
  ["result", "text"],
  ["keep_ms", "float8"],
  ["started", "float8"],
  ["ended", "float8"],
  ["outcome", "text"],
  ["error", "text"],
] as const;

/**
 * Parameters: slugs, versions and tokens to remove; then those to move, the
 * arrays of a move, lease, channel and head of the message, and new payloads.
 */
export function settleSql(table: string, parts: SettleParts): Statement {
  let used = 0;
  const next = () => `$${++used}`;
  const ctes: string[] = [];
  const answers: string[] = [];
  if (parts.remove) {
    const removing = claims(next);
    ctes.push(
      `leaving ${held(table, removing, { condition: "s.rerun_at is null" })}`,
      `removed as (
  delete from ${table} s using leaving where s.ctid = leaving.row
  returning leaving.i
)`,
    );
    answers.push(outcomes(table, removing, "removed", "'settled'"));
  }
  if (parts.move) {
    const moving = claims(next);
    const arrays = MOVE.map(([name, type]) => [name, `${next()}::${type}[]`]);
    const [lease, channel, head] = [next(), next(), next()];
    if (parts.payloads) arrays.push(["payload", `${next()}::bytea[]`]);
    ctes.push(
      movingSql(table, moving, arrays),
      movedSql(table, parts.payloads),
      `sooner as (
  select kind, min(at) as at from moved
  where at < now() + ${lease}::float8 * interval '1 ms' group by kind
)`,
    );
    answers.push(
      outcomes(table, moving, "moved", "'settled'"),
      `(select ${ms("min(at)")} from moved where reruns) as rerun`,
      tell("sooner", KINDS, channel, head),
    );
  }
  const names = Object.entries(parts).filter(([, has]) => has);
  return {
    name: ["settle", ...names.map(([name]) => name)].join("_"),
    text: `with ${ctes.join(",\n")}\nselect ${answers.join(",\n  ")}`,
  };
}

/** A notification takes 8,000 bytes. */
const KINDS = `case when octet_length(json_agg(kind)::text) < 7000
  then json_agg(kind)::text else 'null' end`;

/** The rows to move, and where to; a rerun that was asked for decides. */
function movingSql(
  table: string,
  moving: string,
  arrays: readonly (readonly string[])[],
): string {
  const columns = arrays.map(([name]) => name).join(", ");
  const claims = moving.replace(
    " with ordinality as c(slug, version, token, i)",
    "",
  ).slice("unnest(".length, -1);
  const all = [claims, ...arrays.map(([, array]) => hidden(array))].join(", ");
  const rows =
    `unnest(${all}) with ordinality as c(slug, version, token, ${columns}, i)`;
  const reruns = `s.rerun_at is not null
      and (c.status <> 'scheduled' or s.rerun_at < ${instant("c.at")})`;
  const selected = `, ${arrays.map(([name]) => `c.${name}`).join(", ")},
    case when ${reruns} then s.rerun_at end as rerun,
    s.rerun_at is not null and c.status <> 'scheduled' as anew`;
  return `moving ${held(table, rows, { columns: ", s.rerun_at", selected })}`;
}

function movedSql(table: string, payloads: boolean): string {
  const status = "case when m.anew then 'scheduled' else m.status end";
  const at = `coalesce(m.rerun, ${instant("m.at")})`;
  const last = (column: string, value: string) =>
    `${column} = case when m.outcome is null then s.${column} else ${value} end`;
  return `moved as (
  update ${table} s set status = ${status},
    run_at = ${at},
    scheduled_for = coalesce(m.rerun, ${instant("m.fire")}),
    claimable_at = case when s.gate = 0 and (m.anew or m.status = 'scheduled')
      then ${at} end,
    keep_until = case when not m.anew and m.status <> 'scheduled'
      then now() + m.keep_ms * interval '1 ms' end,
    retry = case when m.anew then 0 else m.retry end,
    crashes = coalesce(m.crashes, 0), result = coalesce(m.result, s.result),
    ${last("last_started", instant("m.started"))},
    ${last("last_ended", instant("m.ended"))},
    ${last("last_outcome", "m.outcome")},
    last_error = case when m.error is null then s.last_error
      else nullif(m.error, '') end,
    token = null, holder = null, claimed_at = null, cancel = null,
    rerun_at = null, progress = null, manual = false, limited = false${
    payloads
      ? `,
    payload = case when s.edited then s.payload
      else coalesce(m.payload, s.payload) end`
      : ""
  }
  from moving m where s.ctid = m.row
  returning m.i, s.kind, s.claimable_at as at, m.rerun is not null as reruns
)`;
}
