import { SchedulerError, StoreUnusableError } from "../src/errors.ts";
import { errorText } from "../src/text.ts";

/** The codes of gRPC that mean something to the store. */
export const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;

/** What will not be better next time, and what to do about it. */
const HOPELESS: Readonly<Record<number, string>> = {
  3: "Firestore refuses the request",
  5: "there is no such database; create one in Native mode",
  7: "the credentials may not; grant the role Cloud Datastore User",
  9: "an index is missing; deploy firestore.indexes.json",
  16: "the credentials are not accepted",
};

/** The code of an error of the client. */
export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/** Whether a write failed because the document is not what was expected. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  return code === FAILED_PRECONDITION || code === NOT_FOUND ||
    code === ABORTED;
}

/** Whether a document was not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === NOT_FOUND;
}

/** The error for a caller of the store who could not `act`. */
export function storeError(error: unknown, act: string): SchedulerError {
  if (error instanceof SchedulerError) return error;
  const hopeless = HOPELESS[codeOf(error) as number];
  const text = errorText(error);
  return hopeless === undefined
    ? new SchedulerError(`Cannot ${act}: ${text}`, { cause: error })
    : new StoreUnusableError(`Cannot ${act}: ${hopeless} (${text})`, {
      cause: error,
    });
}

/**
 * Waits for an answer, but not longer than `timeoutMs`. The client goes on
 * trying for minutes, so what timed out may still take place.
 */
export async function within<T>(
  timeoutMs: number,
  act: string,
  answer: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(
      new SchedulerError(
        `Cannot ${act}: Firestore did not answer within ${timeoutMs} ms`,
      ),
    );
  }, timeoutMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
