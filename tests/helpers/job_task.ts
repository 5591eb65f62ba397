import { StoreTask } from "../../src/api/task.ts";

/** A task for calling `execute` without a scheduler. */
export function jobTask(payload: string | Uint8Array = ""): StoreTask {
  return new StoreTask({
    slug: "the-task",
    kind: "the-kind",
    payload: typeof payload === "string"
      ? new TextEncoder().encode(payload)
      : payload,
    when: new Date("2026-01-01T00:00:00Z"),
    version: 1,
    retry: 0,
    result: "",
  });
}

/** What a job is told beside its task. */
export function jobContext(
  signal: AbortSignal = new AbortController().signal,
): { signal: AbortSignal; scheduledFor: Date } {
  return { signal, scheduledFor: new Date("2026-01-01T00:00:00Z") };
}
