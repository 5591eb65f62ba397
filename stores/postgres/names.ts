/** Which table of which schema. */
export interface TableOptions {
  /**
   * The table of tasks. Two small ones beside it bear its name too, followed by
   * `_instances` and `_meta`.
   *
   * @default "schedules"
   */
  readonly table?: string | undefined;
  /**
   * The schema that the tables are in.
   *
   * @default "public"
   */
  readonly schema?: string | undefined;
}

/** The names of what the store keeps in the database. */
export interface TableNames {
  /** The table of tasks and its schema, quoted. */
  readonly table: string;
  /** The table of instances, likewise. */
  readonly instances: string;
  /** The table with the version of the schema, likewise. */
  readonly meta: string;
  /** The schema, quoted. */
  readonly schema: string;
  /** The table without its schema. */
  readonly bare: string;
  /** The notification channel; also how messages name the table. */
  readonly channel: string;
}

const IDENTIFIER = /^[a-z_][a-z0-9_]{0,30}$/;

/**
 * Checks and quotes the names.
 *
 * @throws {TypeError} If a name is not a plain lower-case identifier of at most
 * 31 characters: then the name of the channel, `schema.table`, fits too.
 */
export function tableNames(
  { table = "schedules", schema = "public" }: TableOptions,
): TableNames {
  for (const [what, name] of [["table", table], ["schema", schema]]) {
    if (!IDENTIFIER.test(name)) {
      throw new TypeError(
        `Cannot use "${name}" as the name of a ${what}: expected 1 to 31 of ` +
          `a-z, 0-9 and _, not beginning with a digit`,
      );
    }
  }
  return {
    table: `"${schema}"."${table}"`,
    instances: `"${schema}"."${table}_instances"`,
    meta: `"${schema}"."${table}_meta"`,
    schema: `"${schema}"`,
    bare: table,
    channel: `${schema}.${table}`,
  };
}
