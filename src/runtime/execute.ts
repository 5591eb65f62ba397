import type { Outcome } from "../core/decide.ts";
import { PayloadError } from "../api/errors.ts";
import type { Job, JobContext, JobResult } from "../api/job.ts";
import { StoreTask, type TaskRecord } from "../api/task.ts";
import { copyBytes, equalBytes } from "../core/bytes.ts";
import { checkPayloadSize } from "../core/payload.ts";
import { reasonText, storableText } from "../core/text.ts";

/**
 * Runs a job on a copy of its task, and says how that ended. Never throws and
 * never rejects. The outcome of a job that is not asynchronous comes at once.
 */
export function execute(
  job: Job,
  record: TaskRecord,
  context: JobContext,
  maxPayloadBytes: number,
): Outcome | Promise<Outcome> {
  try {
    const task = copyOf(record);
    const finish = (answer: unknown) =>
      outcomeOf(answer, task, record, maxPayloadBytes);
    const answer = job.execute(task, context);
    return isPromise(answer)
      ? Promise.resolve(answer).then(finish).catch(failure)
      : finish(answer);
  } catch (error) {
    return failure(error);
  }
}

function copyOf(record: TaskRecord): StoreTask {
  const { payload, when } = record;
  return new StoreTask({
    ...record,
    payload: copyBytes(payload),
    when: new Date(when),
  });
}

function outcomeOf(
  answer: unknown,
  task: StoreTask,
  record: TaskRecord,
  maxPayloadBytes: number,
): Outcome {
  if (answer === null) return { type: "removed" };
  if (!isTask(answer)) {
    return { type: "done", payload: undefined, result: record.result };
  }
  const { payload } = answer;
  if (!(payload instanceof Uint8Array)) {
    throw new PayloadError(
      `Cannot store the new payload of "${task.slug}": expected a Uint8Array`,
    );
  }
  checkPayloadSize(`keep "${task.slug}"`, payload.length, maxPayloadBytes);
  return {
    type: "done",
    // The job may use its bytes again before they are sent.
    payload: equalBytes(payload, record.payload)
      ? undefined
      : copyBytes(payload),
    result: storableText(String(answer.result)),
  };
}

/** Anything else that a job returns means the same as nothing. */
function isTask(answer: unknown): answer is StoreTask {
  return answer instanceof StoreTask ||
    typeof answer === "object" && answer !== null &&
      (answer as StoreTask).payload instanceof Uint8Array &&
      "result" in answer;
}

function failure(error: unknown): Outcome {
  return { type: "failed", message: storableText(reasonText(error)), error };
}

function isPromise(
  answer: JobResult | Promise<JobResult>,
): answer is Promise<JobResult> {
  return typeof (answer as Promise<JobResult> | undefined)?.then === "function";
}
