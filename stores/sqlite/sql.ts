import { DETAIL_COLUMNS, GATE_STAGED, RECORD_COLUMNS } from "./columns.ts";
import { tableNames } from "./migrations.ts";

/** The statements of the store. Parameters are in the order of their numbers. */
export interface SqliteSql {
  /** Adds a task unless its slug is taken; see `INSERTED`. */
  readonly insert: string;
  /** Adds tasks that have nothing out of the ordinary; see `GROUPED`. */
  readonly insertGroup: string;
  /** The highest id of a task. */
  readonly lastId: string;
  /** Those of the slugs ?1 whose tasks were added after id ?2. */
  readonly addedSince: string;
  /** The same, in place of one that is there. */
  readonly replace: string;
  /** What creation must know of the task with slug ?1. */
  readonly conflicting: string;
  /** Begins creation ?1, which is given up at ?2. */
  readonly beginCreation: string;
  /** Creation ?1 is given up only at ?2, and is complete if ?3. */
  readonly keepCreation: string;
  /** Forgets creation ?1. */
  readonly endCreation: string;
  /** Forgets all creations. */
  readonly endCreations: string;
  /** A creation that was given up before ?1, and whether it is complete. */
  readonly lostCreation: string;
  /** Opens up to ?2 tasks of creation ?1. */
  readonly open: string;
  /** Removes up to ?2 tasks of creation ?1 that are not open. */
  readonly takeBack: string;
  /** Makes task ?1 due at ?2, if that is sooner. */
  readonly hasten: string;
  /** Has task ?1, which runs, run once more at ?2, or sooner. */
  readonly rerun: string;
  /**
   * For each of the kinds ?1, by its position, the first lane after priority ?2
   * that has tasks: its priority and from when on its first can be claimed.
   */
  readonly lanes: string;
  /** Up to ?4 tasks of kind ?1 and priority ?2 that can be claimed at ?3. */
  readonly candidates: string;
  /** Claims the tasks ?1; see `SqliteClaims`. */
  readonly claim: string;
  /** Ends the run of task ?1, which must not run again, at ?2. */
  readonly endRun: string;
  /** Makes the lease of claim ?1 ?2 ?3 end at ?4, unless it is cancelled. */
  readonly renew: string;
  /** The same if it is cancelled. */
  readonly renewCancelled: string;
  /** Removes the task of claim ?1 ?2 ?3. */
  readonly remove: string;
  /** Settles claim ?1 ?2 ?3; see `SqliteSettlements`. */
  readonly settle: string;
  /** Whether claim ?1 ?2 ?3 is to run again, and when. */
  readonly rerunOf: string;
  /** Up to ?3 slugs after ?1, at ?2. */
  readonly slugs: string;
  /** The task with slug ?1 at ?2. */
  readonly get: string;
  /** Removes the task with slug ?1. */
  readonly delete: string;
  /** The highest version of a task that is there. */
  readonly highest: string;
  /** Removes all tasks. */
  readonly clear: string;
  /** Whether there is something to prune at ?1. */
  readonly hasPassed: string;
  /** Removes up to ?2 tasks whose time to stay has passed at ?1. */
  readonly prune: string;
  /** No deleted task had a higher version. */
  readonly floor: string;
  /** Raises the floor to ?1. */
  readonly retire: string;
  /** Notes an instance; see `SqliteInstances`. */
  readonly noteInstance: string;
  /** The instances that live at ?1. */
  readonly instances: string;
  /** Removes the instances that are dead at ?1. */
  readonly removeDead: string;
  /** Removes instance ?1. */
  readonly removeInstance: string;
}

/** The columns that creation sets; all others have their defaults. */
const INSERTED = `slug, kind, priority, run_at, scheduled_for, version,
  created_at, payload, revision, "key", owner, declared, "trigger", keep_ms,
  creation, gate, claimable_at`;
const INSERTED_VALUES = `?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
  ?13, ?14, iif(?14 IS NULL, 0, ${GATE_STAGED}), iif(?14 IS NULL, ?4, NULL)`;

/** How many tasks are added by one statement: more of them are not faster. */
export const GROUP_SIZE = 16;

const GROUPED = `version, created_at, creation, slug, kind, priority, run_at,
  scheduled_for, payload, gate, claimable_at`;

/** Of each: slug, kind, priority, due time and payload; ?1 to ?3 are of all. */
const GROUPED_VALUES = Array.from({ length: GROUP_SIZE }, (_, index) => {
  const [slug, kind, priority, due, payload] = [4, 5, 6, 7, 8]
    .map((first) => `?${first + 5 * index}`);
  return `(?1, ?2, ?3, ${slug}, ${kind}, ${priority}, ${due}, ${due}, ${payload},
  iif(?3 IS NULL, 0, ${GATE_STAGED}), iif(?3 IS NULL, ${due}, NULL))`;
}).join(",\n");

const INSTANCE_COLUMNS = `id, name, kinds, slots, library, app, started_at,
  stopping, timeout_ms, seen_at`;

/** Where a claim holds. */
const HELD = "slug = ?1 AND version = ?2 AND token = ?3 AND status = 1";

/** What a run leaves behind of its claim. */
const RELEASED = `token = NULL, holder = NULL, claimed_at = NULL, cancel = NULL,
  manual = 0, limited = 0, progress = NULL, rerun_at = NULL`;

/** Writes the statements for a table. */
export function sqliteSql(table: string): SqliteSql {
  const { tasks, meta, instances, creations } = tableNames(table);
  const staged = `SELECT id FROM ${tasks}
  WHERE creation = ?1 AND gate = ${GATE_STAGED} LIMIT ?2`;
  const shown = `(keep_until IS NULL OR keep_until > ?2)
  AND (gate <> ${GATE_STAGED}
    OR creation IN (SELECT id FROM ${creations} WHERE is_complete))`;
  return {
    insert: `
INSERT INTO ${tasks} (${INSERTED}) VALUES (${INSERTED_VALUES})
ON CONFLICT (slug) DO NOTHING`,
    insertGroup: `
INSERT INTO ${tasks} (${GROUPED}) VALUES ${GROUPED_VALUES}
ON CONFLICT (slug) DO NOTHING`,
    lastId: `SELECT coalesce(max(id), 0) FROM ${tasks}`,
    addedSince: `
SELECT slug FROM ${tasks}
WHERE slug IN (SELECT value FROM json_each(?1)) AND id > ?2`,
    replace: `
INSERT OR REPLACE INTO ${tasks} (${INSERTED}) VALUES (${INSERTED_VALUES})`,
    conflicting: `
SELECT kind, status, gate, run_at, version, revision, created_at, keep_until
FROM ${tasks} WHERE slug = ?1`,
    beginCreation: `
INSERT INTO ${creations} (id, expires_at, is_complete) VALUES (?1, ?2, 0)`,
    keepCreation: `
UPDATE ${creations} SET expires_at = ?2, is_complete = ?3 WHERE id = ?1`,
    endCreation: `DELETE FROM ${creations} WHERE id = ?1`,
    endCreations: `DELETE FROM ${creations}`,
    lostCreation: `
SELECT id, is_complete FROM ${creations} WHERE expires_at < ?1 LIMIT 1`,
    open: `
UPDATE ${tasks} SET gate = 0, claimable_at = run_at, creation = NULL
WHERE id IN (${staged})`,
    takeBack: `
DELETE FROM ${tasks} WHERE id IN (${staged}) RETURNING version`,
    hasten: `
UPDATE ${tasks}
SET claimable_at = iif(gate = 0, ?2, NULL), run_at = ?2, scheduled_for = ?2
WHERE slug = ?1 AND status = 0 AND run_at > ?2`,
    rerun: `
UPDATE ${tasks} SET rerun_at = min(coalesce(rerun_at, ?2), ?2)
WHERE slug = ?1 AND status = 1`,
    lanes: `
SELECT "key", (
  SELECT priority || ' ' || claimable_at FROM ${tasks}
  WHERE kind = value AND priority > ?2 AND claimable_at IS NOT NULL
  ORDER BY priority, claimable_at LIMIT 1) AS lane
FROM json_each(?1)`,
    candidates: `
SELECT id, length(payload) AS size,
  status = 1 AND (gate <> 0 OR cancel IS NOT NULL) AS is_over
FROM ${tasks} WHERE kind = ?1 AND priority = ?2 AND claimable_at <= ?3
ORDER BY claimable_at, id LIMIT ?4`,
    claim: `
UPDATE ${tasks}
SET claimable_at = ?2, version = max(version + 1, ?3), token = ?4, holder = ?5,
  claimed_at = ?6, crashes = crashes + status, status = 1, edited = 0
WHERE id IN (SELECT value FROM json_each(?1))
RETURNING ${RECORD_COLUMNS}`,
    endRun: `
UPDATE ${tasks}
SET status = CASE WHEN rerun_at IS NULL AND cancel IS NOT NULL THEN 3 ELSE 0 END,
  claimable_at = CASE WHEN gate = 0 THEN rerun_at END,
  run_at = coalesce(rerun_at, run_at),
  scheduled_for = coalesce(rerun_at, scheduled_for),
  retry = iif(rerun_at IS NULL, retry, 0), crashes = crashes + 1, ${RELEASED}
WHERE id = ?1`,
    renew: `
UPDATE ${tasks} SET claimable_at = ?4 WHERE ${HELD} AND cancel IS NULL`,
    renewCancelled: `
UPDATE ${tasks} SET claimable_at = ?4 WHERE ${HELD} AND cancel IS NOT NULL`,
    remove: `DELETE FROM ${tasks} WHERE ${HELD} AND rerun_at IS NULL`,
    settle: `
UPDATE ${tasks}
SET status = ?5, claimable_at = CASE WHEN gate = 0 THEN ?6 END, run_at = ?7,
  scheduled_for = ?8, retry = ?9, crashes = ?10,
  result = coalesce(?11, result),
  payload = iif(edited, payload, coalesce(?12, payload)), keep_until = ?13,
  last_started = coalesce(?14, last_started),
  last_ended = coalesce(?15, last_ended),
  last_outcome = coalesce(?16, last_outcome),
  last_error = iif(?17 = '', last_error, ?17), ${RELEASED}
WHERE ${HELD} AND rerun_at IS ?4
RETURNING kind, claimable_at`,
    rerunOf: `SELECT rerun_at FROM ${tasks} WHERE ${HELD}`,
    slugs: `
SELECT slug FROM ${tasks} WHERE slug > ?1 AND ${shown} ORDER BY slug LIMIT ?3`,
    get: `SELECT ${DETAIL_COLUMNS} FROM ${tasks} WHERE slug = ?1 AND ${shown}`,
    delete: `
DELETE FROM ${tasks} WHERE slug = ?1 RETURNING version, keep_until`,
    highest: `SELECT max(version) FROM ${tasks}`,
    clear: `DELETE FROM ${tasks}`,
    hasPassed: `
SELECT EXISTS (SELECT 1 FROM ${tasks} WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM ${instances} WHERE seen_at + timeout_ms <= ?1)
  OR EXISTS (SELECT 1 FROM ${creations} WHERE expires_at < ?1)`,
    prune: `
DELETE FROM ${tasks} WHERE id IN (
  SELECT id FROM ${tasks} WHERE keep_until <= ?1 ORDER BY keep_until LIMIT ?2)
RETURNING version`,
    floor: `SELECT version FROM ${meta}`,
    retire: `UPDATE ${meta} SET version = ?1 WHERE version < ?1`,
    noteInstance: `
INSERT OR REPLACE INTO ${instances} (${INSTANCE_COLUMNS})
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
    instances: `
SELECT ${INSTANCE_COLUMNS} FROM ${instances}
WHERE seen_at + timeout_ms > ?1 ORDER BY id`,
    removeDead: `DELETE FROM ${instances} WHERE seen_at + timeout_ms <= ?1`,
    removeInstance: `DELETE FROM ${instances} WHERE id = ?1`,
  };
}
