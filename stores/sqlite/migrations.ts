import { COLUMN_DEFINITIONS, GATE_STAGED } from "./columns.ts";

/** The names of what the store has in the database, ready for SQL. */
export interface TableNames {
  readonly tasks: string;
  readonly meta: string;
  readonly instances: string;
  readonly creations: string;
  index(purpose: string): string;
}

/** The names that go with the name of the table. */
export function tableNames(table: string): TableNames {
  return {
    tasks: `"${table}"`,
    meta: `"${table}_meta"`,
    instances: `"${table}_instances"`,
    creations: `"${table}_creations"`,
    index: (purpose) => `"${table}_${purpose}"`,
  };
}

/** A step from one version of the schema to the next. */
export interface Migration {
  /** The oldest version of code that can use the tables after the step. */
  readonly readableBy: number;
  sql(names: TableNames): string;
}

/** A step that only adds something leaves `readableBy` as it was. */
export const MIGRATIONS: readonly Migration[] = [
  {
    readableBy: 1,
    sql: ({ tasks, meta, instances, creations, index }) => `
CREATE TABLE ${tasks} (${COLUMN_DEFINITIONS}
) STRICT;
CREATE INDEX ${index("claimable")} ON ${tasks} (kind, priority, claimable_at)
  WHERE claimable_at IS NOT NULL;
CREATE INDEX ${index("waiting")} ON ${tasks} (kind, "key", run_at)
  WHERE gate = 1;
CREATE INDEX ${index("limited")} ON ${tasks} (kind, "key", claimable_at)
  WHERE limited = 1;
CREATE INDEX ${index("failed")} ON ${tasks} (kind, slug) WHERE status = 2;
CREATE INDEX ${index("retrying")} ON ${tasks} (slug) WHERE retry > 0;
CREATE INDEX ${index("owned")} ON ${tasks} (owner, slug)
  WHERE owner IS NOT NULL;
CREATE INDEX ${index("ended")} ON ${tasks} (keep_until)
  WHERE keep_until IS NOT NULL;
CREATE INDEX ${index("staged")} ON ${tasks} (creation)
  WHERE gate = ${GATE_STAGED};
CREATE TABLE ${creations} (
  id INTEGER PRIMARY KEY,
  expires_at INTEGER NOT NULL, -- then its process is taken for dead
  is_complete INTEGER NOT NULL -- whether all tasks are there, staged or open
) STRICT;
CREATE TABLE ${instances} (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kinds TEXT NOT NULL, -- JSON
  slots INTEGER NOT NULL,
  library TEXT NOT NULL,
  app TEXT,
  started_at INTEGER NOT NULL,
  stopping INTEGER NOT NULL,
  timeout_ms INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ${meta} (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  "schema" INTEGER NOT NULL,
  readable_by INTEGER NOT NULL, -- the oldest version of code that can use it
  version INTEGER NOT NULL -- no deleted task had a higher one
) STRICT;
INSERT INTO ${meta} VALUES (1, 0, 0, 0);`,
  },
];

/** The version of the schema that this code knows. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** The oldest version of code that can use it. */
export const READABLE_BY: number = MIGRATIONS[SCHEMA_VERSION - 1].readableBy;
