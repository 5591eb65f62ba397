import { tableNames } from "./schema.ts";

/** SQLite takes no more than 500 SELECTs in one. */
const MAX_ARMS = 256;

/** What is read of a task. */
const COLUMNS = `id, slug, kind, claimable_at, version, status, run_at,
  scheduled_for, retry, "trigger", result, payload`;

/** The statements of the store. */
export interface SqliteSql {
  readonly insert: string;
  readonly replace: string;
  readonly soonest: string;
  readonly dueKinds: string;
  readonly renew: string;
  readonly remove: string;
  readonly settle: string;
  readonly retire: string;
  readonly slugs: string;
  readonly get: string;
  readonly delete: string;
  readonly highest: string;
  readonly clear: string;
  /** Claims tasks of up to so many kinds; the count is a power of two. */
  claim(kinds: number): string;
}

/** Writes the statements for a table. */
export function sqliteSql(table: string): SqliteSql {
  const { tasks, meta } = tableNames(table);
  const insert = `
INSERT INTO ${tasks} (slug, kind, claimable_at, version, status, run_at,
  scheduled_for, retry, "trigger", result, payload)
VALUES (?1, ?2, ?3, (SELECT version + 1 FROM ${meta}), 0, ?3, ?3, 0, ?4, '', ?5)
ON CONFLICT (slug)`;
  const held = "slug = ? AND version = ? AND status = 1";
  return {
    insert: `${insert} DO NOTHING`,
    replace: `${insert} DO UPDATE SET
  kind = excluded.kind, claimable_at = excluded.claimable_at,
  version = max(version + 1, excluded.version), status = 0,
  run_at = excluded.run_at, scheduled_for = excluded.scheduled_for, retry = 0,
  "trigger" = excluded."trigger", result = '', payload = excluded.payload`,
    soonest: `
SELECT min((
  SELECT claimable_at FROM ${tasks}
  WHERE kind = value AND claimable_at IS NOT NULL
  ORDER BY claimable_at LIMIT 1)) AS soonest
FROM json_each(?)`,
    dueKinds: `
SELECT value AS kind FROM json_each(?)
WHERE EXISTS (
  SELECT 1 FROM ${tasks} WHERE kind = value AND claimable_at <= ?)`,
    renew: `UPDATE ${tasks} SET claimable_at = ? WHERE ${held}`,
    remove: `DELETE FROM ${tasks} WHERE ${held}`,
    settle: `
UPDATE ${tasks}
SET claimable_at = ?, status = ?, run_at = ?, scheduled_for = ?, retry = ?,
  result = ?, payload = coalesce(?, payload)
WHERE ${held}
RETURNING kind`,
    retire: `UPDATE ${meta} SET version = ?1 WHERE version < ?1`,
    slugs: `SELECT slug FROM ${tasks} WHERE slug > ? ORDER BY slug LIMIT ?`,
    get: `SELECT ${COLUMNS} FROM ${tasks} WHERE slug = ?`,
    delete: `DELETE FROM ${tasks} WHERE slug = ? RETURNING version`,
    highest: `SELECT max(version) AS highest FROM ${tasks}`,
    clear: `DELETE FROM ${tasks}`,
    claim: (kinds) => `
UPDATE ${tasks} SET status = 1, version = version + 1, claimable_at = ?1
WHERE id IN (SELECT id FROM (${soonestDue(tasks, 4, kinds)}))
RETURNING ${COLUMNS}`,
  };
}

/**
 * Finds the soonest due tasks of some kinds, which are parameters from `first`
 * on: SQLite walks one range of the index for each kind, all side by side, and
 * stops at the limit.
 */
function soonestDue(tasks: string, first: number, kinds: number): string {
  const width = Math.max(1, kinds / MAX_ARMS);
  const arms: string[] = [];
  for (let kind = first; kind < first + kinds; kind += width) {
    arms.push(
      width === 1
        ? `SELECT id, claimable_at FROM ${tasks}
WHERE kind = ?${kind} AND claimable_at <= ?2`
        : `SELECT id, claimable_at FROM (${soonestDue(tasks, kind, width)})`,
    );
  }
  return `${arms.join("\nUNION ALL ")}\nORDER BY claimable_at, id LIMIT ?3`;
}
