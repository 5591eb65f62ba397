import type { TaskRecord } from "../../src/api/task.ts";
import { at } from "./stage.ts";

/** A task that was claimed at the start of a stage. */
export function taskRecord(fields: Partial<TaskRecord> = {}): TaskRecord {
  return {
    slug: "a",
    kind: "work",
    payload: new Uint8Array([1]),
    trigger: undefined,
    when: at(0),
    scheduledFor: at(0),
    version: 5,
    token: 7,
    retry: 0,
    crashes: 0,
    priority: 3,
    key: undefined,
    revision: 0,
    keepMs: undefined,
    result: "before",
    status: "running",
    leaseEnd: at(30_000),
    ...fields,
  };
}
