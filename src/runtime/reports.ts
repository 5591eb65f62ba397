/** What the log says about runs. Debug messages are made only if wanted. */
import type { NextState } from "../api/job_store.ts";
import type { TaskRecord } from "../api/task.ts";
import type { Outcome } from "../core/decide.ts";
import type { SafeLogger } from "../core/safe_logger.ts";

/** Says what was claimed. */
export function reportClaims(
  logger: SafeLogger,
  tasks: readonly TaskRecord[],
): void {
  if (!logger.debugs) return;
  for (const task of tasks) {
    const { scheduledFor, leaseEnd } = task;
    const fields = { ...fieldsOf(task), scheduledFor, leaseEnd };
    logger.debug(`Claimed "${task.slug}"`, fields);
  }
}

/** Says how a run ended, and what becomes of its task. */
export function reportOutcome(
  logger: SafeLogger,
  task: TaskRecord,
  outcome: Outcome,
  next: NextState | undefined,
): void {
  const isFailure = outcome.type === "failed";
  const isParked = next?.status === "failed";
  const isBad = isFailure || isParked;
  if (!isBad && !logger.debugs) return;
  const { retry, when } = next ?? {};
  const fields = { ...fieldsOf(task), outcome: outcome.type, retry, when };
  const how = isFailure ? "failed" : "ended";
  const text = `Run of "${task.slug}" ${how}, it ${planOf(next)}`;
  if (!isBad) return logger.debug(text, fields);
  const { message, error } = isFailure ? outcome : {};
  // The result of a task that is parked says why nothing follows, too.
  const why = isParked ? next.result : message;
  logger.warn(`${text}: ${why}`, { ...fields, error });
}

/** The fields that every message about a task has. */
export function fieldsOf(
  { slug, kind, version }: TaskRecord,
): Record<string, unknown> {
  return { slug, kind, version };
}

function planOf(next: NextState | undefined): string {
  if (next === undefined) return "is done and removed";
  return next.status === "scheduled"
    ? `runs again at ${next.when.toISOString()}`
    : `stays as ${next.status}`;
}
