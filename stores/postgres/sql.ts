import type { OnConflict } from "../../src/api/job_store.ts";
import type { Statement } from "./client.ts";

/** What a statement that settles has to do. */
export interface SettleParts {
  /** Whether tasks are removed. */
  readonly remove: boolean;
  /** Whether tasks go on. */
  readonly move: boolean;
  /** Whether any of them gets a new payload. */
  readonly payloads: boolean;
}

/** The statements on one table. Instants are in milliseconds since 1970. */
export interface StoreSql {
  /**
   * In: `create…` of the store. Out: `taken`; `due` of the soonest
   * that was created, and whether it `is_due`.
   */
  create(modes: readonly OnConflict[]): Statement;
  /** In: creation, slugs. Out: a row if this creation is in the table. */
  readonly findCreation: Statement;
  /** In: kinds. Out: `now`, `soonest`. */
  readonly nextRun: Statement;
  /** In: kind, limit, lease. Out: tasks. */
  readonly lockOne: Statement;
  /** In: kinds, limit, lease. Out: tasks, each with how many are `due`. */
  readonly lockSome: Statement;
  /** As `lockSome`, but passes over rows that others have locked. */
  readonly lockAny: Statement;
  /** In: slugs, versions, lease. Out: `held`, the positions that hold. */
  readonly renew: Statement;
  /** In: `settle…` of the store. Out: positions that took effect, if not all. */
  settle(parts: SettleParts): Statement;
  /** Out: all slugs. */
  readonly getSlugs: Statement;
  /** In: slug. Out: the task. */
  readonly get: Statement;
  /** In: slug. Out: a row if there was one. */
  readonly delete: Statement;
  /** Deletes everything. */
  readonly clear: Statement;
  /** In: channel, message. */
  readonly notify: Statement;
}

/** The columns of a running task; what is usual is left out. */
const READ = `s.slug, s.kind, s.trigger, s.version, s.retry, s.result,
  nullif(s.payload, '') as payload, ${ms("s.run_at")} as run_at,
  ${ms("s.claimable_at")} as claimable_at,
  case when s.scheduled_for <> s.run_at then ${ms("s.scheduled_for")} end
    as scheduled_for`;

const CLAIM = `status = 'running', version = s.version + 1,
  claimable_at = date_trunc('milliseconds', now()) + $3::float8 * interval '1 ms'`;

/** A time as milliseconds, to be read as a number. */
function ms(time: string): string {
  return `date_part('epoch', ${time}) * 1000`;
}

/**
 * Rows from arrays. As the planner does not see how long these are, it expects
 * few rows, and looks each of them up by its key.
 */
function rowsOf(...arrays: string[]): string {
  return `unnest(${arrays.map((array) => `(select ${array})`).join(", ")})`;
}

/** Where the claim `c` still holds. */
const HOLDS = `s.slug = c.slug and s.version = c.version
  and s.status = 'running'`;

/** Tells of what is in `changed`: `at` and `kinds` are SQL. */
function tell(
  changed: string,
  kinds: string,
  channel: string,
  head: string,
): string {
  return `(select pg_notify(${channel}::text, ${head}::text ||
    case when min(at) > clock_timestamp()
      then (${ms("min(at)")})::bigint::text else 'null' end ||
    ',"k":' || ${kinds} || '}') is not null
  from ${changed} where ${head}::text is not null having count(*) > 0) as told`;
}

/** Makes the statements for a table, whose name is quoted. */
export function storeSql(table: string): StoreSql {
  return {
    create: (modes) => createSql(table, modes),
    findCreation: {
      name: "find_creation",
      text: `select from ${table} where creation = $1 and slug = any($2::text[])
limit 1`,
    },
    nextRun: {
      name: "next_run",
      text: `select ${ms("clock_timestamp()")} as now, (
  select ${ms("min(first.claimable_at)")}
  from unnest($1::text[]) as k(kind) cross join lateral (
    select s.claimable_at from ${table} s
    where s.kind = k.kind and s.claimable_at is not null
    order by s.claimable_at limit 1
  ) first
) as soonest`,
    },
    ...lockSql(table),
    renew: {
      name: "renew",
      text: `with held as materialized (
  select s.slug, c.i::int as i from ${table} s,
    ${
        rowsOf("$1::text[]", "$2::bigint[]")
      } with ordinality as c(slug, version, i)
  where ${HOLDS}
  order by s.slug for update of s
), renewed as (
  update ${table} s set claimable_at =
    date_trunc('milliseconds', now()) + $3::float8 * interval '1 ms'
  from held where s.slug = held.slug returning held.i
)
select array(select i from renewed) as held`,
    },
    settle: (parts) => settleSql(table, parts),
    getSlugs: { name: "get_slugs", text: `select slug from ${table}` },
    get: {
      name: "get",
      text: `select ${READ}, s.status from ${table} s where s.slug = $1`,
    },
    delete: {
      name: "delete",
      text: `delete from ${table} where slug = $1 returning slug`,
    },
    clear: { name: "clear", text: `delete from ${table}` },
    notify: { name: "notify", text: `select pg_notify($1, $2)` },
  };
}

/** Takes the due rows of the kind `kind` in the order of the index. */
function dueRows(table: string, kind: string, columns: string): string {
  return `select ${columns} from ${table} s
      where s.kind = ${kind} and s.claimable_at <= now()
      order by s.claimable_at`;
}

// The limit comes from a subquery so that the planner does not know it: it then
// walks the index, and does not sort all due rows when statistics are stale.
function lockSql(
  table: string,
): Pick<StoreSql, "lockOne" | "lockSome" | "lockAny"> {
  const limit = "limit (select $2::int)";
  const some = (picked: string, heads = "") =>
    `with ${heads}claimed as (
  update ${table} s set ${CLAIM}
  where s.ctid = any(array(${picked}))
  returning ${READ}
)`;
  return {
    lockOne: {
      name: "lock_one",
      text: `update ${table} s set ${CLAIM}
where s.ctid = any(array(
  ${dueRows(table, "$1", "s.ctid")} ${limit} for update skip locked
))
returning ${READ}`,
    },
    lockSome: {
      name: "lock_some",
      text: some(
        `
    select d.ctid from heads cross join lateral (
      ${dueRows(table, "heads.kind", "s.ctid")}
      limit heads.due for update skip locked
    ) d
  `,
        `heads as materialized (
  select kind, count(*)::int as due from (
    select k.kind from unnest($1::text[]) as k(kind) cross join lateral (
      ${dueRows(table, "k.kind", "s.claimable_at")} ${limit}
    ) d order by d.claimable_at ${limit}
  ) soonest group by kind
), `,
      ) + `
select claimed.*, total.due from (select sum(due)::int as due from heads) total
left join claimed on true`,
    },
    lockAny: {
      name: "lock_any",
      text: some(`
    select d.ctid from unnest($1::text[]) as k(kind) cross join lateral (
      ${dueRows(table, "k.kind", "s.ctid, s.claimable_at")}
      ${limit} for update skip locked
    ) d order by d.claimable_at ${limit}
  `) + `
select * from claimed`,
    },
  };
}

/**
 * Parameters: slugs, kinds, payloads, triggers, due times, whether these count
 * from now, creation, channel, head of the message, kinds for the message, and
 * for several modes the mode of each.
 */
function createSql(table: string, modes: readonly OnConflict[]): Statement {
  const mixed = modes.length > 1;
  const only = (mode: OnConflict) => mixed ? `i.mode = '${mode}'` : "true";
  const columns = ["text", "text", "bytea", "text", "float8", "boolean"]
    .map((type, index) => `$${index + 1}::${type}[]`);
  if (mixed) columns.push("$11::text[]");
  const inserts = modes.map((mode) => insertSql(table, mode, only(mode)));
  const taken = modes.includes("error")
    ? `select s.slug from ${table} s, input i
  where s.slug = i.slug and ${only("error")}`
    : `select slug from input where false`;
  return {
    name: `create_${modes.join("_")}`,
    text: `with clock as (select clock_timestamp() as now), input as (
  select i.*, (date_part('epoch', now) * 1e6)::bigint as version,
    case when i.relative then date_trunc('milliseconds', now)
      else timestamptz 'epoch' end + i.ms * interval '1 ms' as at
  from clock, ${rowsOf(...columns)}
    as i(slug, kind, payload, trigger, ms, relative${mixed ? ", mode" : ""})
), taken as (${taken}),
${inserts.join(",\n")},
created as (
  ${modes.map((mode) => `select at from created_${mode}`).join(" union all ")}
)
select array(select slug from taken) as taken,
  (select ${ms("min(at)")} from created) as due,
  (select min(at) <= clock_timestamp() from created) as is_due,
  ${tell("created", "$10::text", "$8", "$9")}`,
  };
}

function insertSql(table: string, mode: OnConflict, only: string): string {
  const onConflict = {
    error: "",
    keep: "on conflict (slug) do nothing",
    replace: `on conflict (slug) do update set kind = excluded.kind,
    status = excluded.status, run_at = excluded.run_at,
    scheduled_for = excluded.scheduled_for,
    claimable_at = excluded.claimable_at,
    version = greatest(s.version + 1, excluded.version),
    retry = excluded.retry, creation = excluded.creation,
    trigger = excluded.trigger, result = excluded.result,
    payload = excluded.payload`,
  }[mode];
  return `created_${mode} as (
  insert into ${table} as s (slug, kind, status, run_at, scheduled_for,
    claimable_at, version, retry, creation, trigger, result, payload)
  select slug, kind, 'scheduled', at, at,
    at, version, 0, $7::bigint, trigger, '', payload
  from input i where ${only} and not exists (select from taken)
  order by slug
  ${onConflict} returning claimable_at as at
)`;
}

/**
 * Parameters: slugs and versions to remove; then slugs, versions, states, due
 * times, fire times, retries and results to move, lease, channel and head of
 * the message, and new payloads.
 */
function settleSql(table: string, parts: SettleParts): Statement {
  const { remove, move, payloads } = parts;
  let used = 0;
  const next = () => `$${++used}`;
  const ctes: string[] = [];
  const answers: string[] = [];
  const answer = (done: string, slugs: string) =>
    answers.push(`(select case when count(*) < cardinality(${slugs}::text[])
    then coalesce(array_agg(i), '{}') end from ${done}) as ${done}`);
  if (remove) {
    const [slugs, versions] = [next(), next()];
    ctes.push(`removed as (
  delete from ${table} s using
    ${rowsOf(`${slugs}::text[]`, `${versions}::bigint[]`)}
    with ordinality as c(slug, version, i)
  where ${HOLDS}
  returning c.i::int as i
)`);
    answer("removed", slugs);
  }
  if (move) {
    const slugs = next();
    const columns = [
      slugs + "::text[]",
      ...["bigint", "text", "float8", "float8", "int", "text"]
        .map((type) => `${next()}::${type}[]`),
    ];
    const [lease, channel, head] = [next(), next(), next()];
    if (payloads) columns.push(`${next()}::bytea[]`);
    ctes.push(`moved as (
  update ${table} s set status = c.status, retry = c.retry, result = c.result,
    run_at = timestamptz 'epoch' + c.at * interval '1 ms',
    scheduled_for = timestamptz 'epoch' + c.fire * interval '1 ms',
    claimable_at = case when c.status = 'scheduled'
      then timestamptz 'epoch' + c.at * interval '1 ms' end
    ${payloads ? ", payload = coalesce(c.payload, s.payload)" : ""}
  from ${rowsOf(...columns)} with ordinality as c(slug, version, status, at,
    fire, retry, result${payloads ? ", payload" : ""}, i)
  where ${HOLDS}
  returning c.i::int as i, s.kind, s.claimable_at as at
), sooner as (
  select kind, min(at) as at from moved
  where at < now() + ${lease}::float8 * interval '1 ms' group by kind
)`);
    answer("moved", slugs);
    const kinds = `case when octet_length(json_agg(kind)::text) < 7000
      then json_agg(kind)::text else 'null' end`;
    answers.push(tell("sooner", kinds, channel, head));
  }
  const names = Object.entries(parts).filter(([, has]) => has);
  return {
    name: ["settle", ...names.map(([name]) => name)].join("_"),
    text: `with ${ctes.join(",\n")}\nselect ${answers.join(",\n  ")}`,
  };
}
