/** An instant as milliseconds since 1970, to be read as a number. */
export function ms(time: string): string {
  return `date_part('epoch', ${time}) * 1000`;
}

/** The instant that is so many milliseconds after 1970. */
export function instant(ms: string): string {
  return `timestamptz 'epoch' + ${ms} * interval '1 ms'`;
}

/**
 * The instant so many milliseconds from now, without a fraction of one; worked
 * out once for all rows.
 */
export function fromNow(ms: string): string {
  return `(select date_trunc('milliseconds', now())
    + ${ms}::float8 * interval '1 ms')`;
}

/** The clock of the server in whole microseconds since 1970. */
export const MICROSECONDS =
  "(select (date_part('epoch', now()) * 1e6)::bigint)";

/**
 * A condition that always holds, of a number from 1 on: it has the planner
 * expect a single row. So it looks up each row of a list by its key, however
 * small the table was when a prepared statement was planned, and never deems a
 * claim worth compiling.
 */
export function few(number: string): string {
  return `${number} between 1 and 1000000000`;
}

/** A parameter that the planner does not see, so that it makes one plan for all. */
export function hidden(parameter: string): string {
  return `(select ${parameter})`;
}

/** Rows from arrays; the planner does not see how many. */
export function rowsOf(...arrays: string[]): string {
  return `unnest(${arrays.map(hidden).join(", ")})`;
}

/**
 * Tells of the rows of `changed`: the soonest `at`, if there is any.
 *
 * @param kinds Their kinds as JSON.
 */
export function tell(
  changed: string,
  kinds: string,
  channel: string,
  head: string,
): string {
  return `(select pg_notify(${channel}::text, ${head}::text ||
    case when min(at) > clock_timestamp()
      then (${ms("min(at)")})::bigint::text else 'null' end ||
    ',"k":' || ${kinds} || '}') is not null
  from ${changed} where ${head}::text is not null having count(at) > 0) as told`;
}
