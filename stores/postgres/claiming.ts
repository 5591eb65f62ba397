import type { Claim, LockRequest } from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import type { PgRows } from "./client.ts";
import { toClaimed } from "./values.ts";

/** What is claimed at once has to fit into memory, in several forms. */
const MAX_BYTES = 64 * 1_024 * 1_024;
/** More than any claim gets. */
const MAX_LIMIT = 1_000_000;

/** The parameters of a claim. */
export function toRequest(
  { kinds, limit, maxBytes, leaseMs, holder, token }: LockRequest,
): { isEmpty: boolean; isCapped: boolean; values: unknown[] } {
  const all = Math.min(limit, MAX_LIMIT);
  const caps = new Map<string, number>();
  for (const { kind, limit = all } of kinds) {
    if (!caps.has(kind)) caps.set(kind, Math.min(limit, all));
  }
  for (const [kind, cap] of caps) if (cap < 1) caps.delete(kind);
  const isCapped = caps.size > 1 && [...caps.values()].some((cap) => cap < all);
  const [only] = caps.values();
  const values: unknown[] = [
    [...caps.keys()],
    caps.size === 1 ? only : all,
    leaseMs,
    holder,
    token,
    Math.min(maxBytes, MAX_BYTES),
  ];
  if (isCapped) values.push([...caps.values()]);
  return { isEmpty: all < 1 || caps.size === 0, isCapped, values };
}

/** The claimed tasks, in the order in which they are to begin. */
export function inTurn(rows: PgRows["rows"], token: number): TaskRecord[] {
  return rows.sort((a, b) => Number(a.rank) - Number(b.rank))
    .map((row) => toClaimed(row, token));
}

/** Slugs, versions and tokens. */
export function claimValues(claims: readonly Claim[]): unknown[] {
  return [
    claims.map(({ slug }) => slug),
    claims.map(({ version }) => version),
    claims.map(({ token }) => token),
  ];
}
