import { StoreUnusableError } from "../../src/api/errors.ts";
import { type PgClient, sqlState } from "./client.ts";
import type { TableNames } from "./names.ts";

/** No right, no such table, no such schema. */
const REFUSED_USE = ["42501", "42P01", "3F000"];

/** Whether the server says that the tables cannot be used. */
export function isRefusedUse(error: unknown): boolean {
  return REFUSED_USE.includes(sqlState(error) ?? "");
}

/** The table cannot be used, now or later. */
export function unusable(
  { channel }: TableNames,
  why: string,
  cause?: unknown,
): StoreUnusableError {
  return new StoreUnusableError(
    `Cannot use the table "${channel}": ${why}`,
    { cause },
  );
}

/**
 * Checks the rights that the store needs.
 *
 * @throws {StoreUnusableError} If any is missing; it names them all.
 */
export async function usable(
  names: TableNames,
  client: PgClient,
): Promise<void> {
  const { rows } = await client.query(
    `select c.relation, r.privilege
from unnest($1::text[]) as c(relation),
  unnest(array['select', 'insert', 'update', 'delete']) as r(privilege)
where not has_table_privilege(c.relation::regclass, r.privilege)`,
    [[names.table, names.instances]],
  );
  if (rows.length === 0) return;
  const missing = Map.groupBy(rows, ({ relation }) => relation as string);
  const rights = Array.from(
    missing,
    ([relation, rights]) =>
      `${rights.map(({ privilege }) => privilege).join(", ")} on ${relation}`,
  );
  throw unusable(
    names,
    `this user lacks rights: expected ${rights.join(" and ")}`,
  );
}
