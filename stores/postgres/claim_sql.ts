import type { Statement } from "./client.ts";
import { RECORD } from "./columns.ts";
import { few, fromNow, hidden, MICROSECONDS, rowsOf } from "./sql_parts.ts";

/**
 * No lane gives more at once. The planner counts on so many rows, and not on a
 * share of all that are due.
 */
const MAX_OF_LANE = 1_000;

/**
 * The lanes of the kinds, soonest first within each, as `lanes`: kind, `i` its
 * place in the request, priority, and `head`, from when on the first task can be
 * claimed. Steps from one priority to the next: no more is read than the heads.
 *
 * @param kinds The SQL of rows `kind, i, cap`.
 */
export function lanesSql(table: string, kinds: string): string {
  const head = (condition: string) =>
    `select s.priority, s.claimable_at as head from ${table} s
    where s.kind = ${condition} and s.claimable_at is not null
    order by s.priority, s.claimable_at limit 1`;
  return `recursive lanes as (
  select k.kind, k.i, k.cap, first.* from ${kinds} k cross join lateral (
    ${head("k.kind")}
  ) first where ${few("k.i")}
  union all
  select l.kind, l.i, l.cap, next.* from lanes l cross join lateral (
    ${head("l.kind and s.priority > l.priority")}
  ) next
)`;
}

/** Kinds whose only limit is that of all. */
export function plainKinds(kinds: string): string {
  return `(select kind, i, null::int as cap
    from unnest(${hidden(kinds)}) with ordinality as k(kind, i))`;
}

/**
 * How the limit `$2` is dealt out among the lanes that are due, as `shares`. All
 * of it goes to the lanes of the best class: what these cannot fill is not dealt
 * again.
 */
const DEAL = `shares as (
  select kind, i, priority, class, (size / lanes + (nth <= size % lanes)::int)
    as share
  from (
    select *, ${hidden("$2::int")} as size, count(*) over () as lanes,
      row_number() over (order by i, priority) as nth
    from due where class = (select min(class) from due)
  ) best
)`;

/**
 * The same where kinds have limits of their own (`cap`). A lane needs no more
 * turns than would deal out the limit to those that take as many, so there are
 * not many more \`slots\` than the limit.
 */
const DEAL_CAPPED = `slots as (
  select *, row_number() over (partition by i order by class, turn, priority)
    as nth
  from (
    select *, count(*) over (partition by class order by cap desc) as peers
    from due
  ) lanes, generate_series(1,
    least(cap, ceil(${hidden("$2::float8")} / peers))::int) as turn
), shares as (
  select kind, i, priority, class, count(*) as share from (
    select * from slots where nth <= cap
    order by class, turn, i, priority limit ${hidden("$2::int")}
  ) dealt group by kind, i, priority, class
)`;

/**
 * Claims tasks. Parameters: kinds, limit, lease, holder, token, bytes, and the
 * limits of the kinds if they have any of their own.
 */
export function claimSql(table: string, isCapped: boolean): Statement {
  const kinds = isCapped
    ? `${rowsOf("$1::text[]", "$7::int[]")} with ordinality as k(kind, cap, i)`
    : "";
  const wanted = isCapped
    ? `(select * from ${kinds})`
    : plainKinds("$1::text[]");
  return {
    name: isCapped ? "lock_capped" : "lock",
    text: `with ${lanesSql(table, wanted)}, due as (
  select *, case when priority < 2 then priority else greatest(1, priority -
    floor(date_part('epoch', now() - min(head) over (partition by priority))
      / 60))::int end as class
  from lanes where head <= now()
), ${isCapped ? DEAL_CAPPED : DEAL}, picked as materialized (
  select l.i, l.priority, l.class, task.* from shares l cross join lateral (
    select *, row_number() over () as turn from (
      select * from (
        select s.ctid as row, octet_length(s.payload) as bytes,
          ${HANDED_OUT} as runs
        from ${table} s
        where s.kind = l.kind and s.priority = l.priority
          and s.claimable_at <= now()
        order by s.claimable_at limit ${MAX_OF_LANE} for update skip locked
      ) soonest limit l.share
    ) locked
  ) task where ${few("l.share")}
), fitting as (
  select row, runs, rank from (
    select row, runs, row_number() over turns as rank, sum(bytes) over turns as total
    from picked window turns as
      (order by class, turn, i, priority rows unbounded preceding)
  ) ranked where ${few("rank")} and (rank = 1
    or total <= ${hidden("$6::float8")})
), claimed as (
  update ${table} s set ${CLAIM} from fitting where s.ctid = fitting.row
  returning fitting.rank, ${RECORD}
)
select * from claimed where status = 'running'`,
  };
}

/** A task that was to be cancelled, or has to wait, is not handed out. */
const HANDED_OUT = "s.cancel is null and s.gate = 0";

/** A run whose lease has ended is taken over; one that was to end has ended. */
const CLAIM = `
  status = case when fitting.runs then 'running'
    when s.cancel is null or s.rerun_at is not null then 'scheduled'
    else 'cancelled' end,
  claimable_at = case when fitting.runs then ${fromNow("$3")}
    when s.gate = 0 then s.rerun_at end,
  token = case when fitting.runs then $5::bigint end,
  holder = case when fitting.runs then $4::text end,
  claimed_at = case when fitting.runs then now() end,
  run_at = case when s.cancel is null then s.run_at
    else coalesce(s.rerun_at, s.run_at) end,
  scheduled_for = case when s.cancel is null then s.scheduled_for
    else coalesce(s.rerun_at, s.scheduled_for) end,
  rerun_at = case when s.cancel is null then s.rerun_at end,
  cancel = null,
  version = greatest(s.version + 1, ${MICROSECONDS}),
  crashes = s.crashes + (s.status = 'running')::int,
  edited = false`;
