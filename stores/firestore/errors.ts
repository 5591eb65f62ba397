import { SchedulerError, StoreUnusableError } from "../../src/api/errors.ts";
import { errorText } from "../../src/core/text.ts";

const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** What will not be better next time, and what to do about it. */
const HOPELESS: Readonly<Record<number, string>> = {
  [INVALID_ARGUMENT]: "Firestore refuses the request",
  [NOT_FOUND]: "there is no such database; expected one in Native mode",
  [PERMISSION_DENIED]:
    "the credentials do not allow it; expected the role Cloud Datastore User",
  [FAILED_PRECONDITION]:
    "an index is missing; expected those of firestore.indexes.json",
  [UNAUTHENTICATED]: "the credentials are not accepted; expected valid ones",
};

/** Whether a document was not as expected. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  return code === FAILED_PRECONDITION || code === NOT_FOUND;
}

/** Whether it is open if a write took place: no such code tells for sure. */
export function isOpen(error: unknown): boolean {
  const code = codeOf(error);
  return typeof code === "number" && code !== INVALID_ARGUMENT &&
    code !== PERMISSION_DENIED && code !== UNAUTHENTICATED;
}

/** Whether somebody had a document locked, so that nothing took place. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === ABORTED;
}

/** Whether what was to be written can never be. */
export function isRefused(error: unknown): boolean {
  return codeOf(error) === INVALID_ARGUMENT;
}

/**
 * Whether what was to be written may be at fault, and not Firestore. The client
 * gives no code to what it cannot encode, nor to credentials that are missing.
 */
export function isSuspicious(error: unknown): boolean {
  const code = codeOf(error);
  return code === INVALID_ARGUMENT || code === UNKNOWN || code === INTERNAL ||
    (typeof code !== "number" && !(error instanceof SchedulerError));
}

/** Whether Firestore asks to come back a little later. */
export function isOverload(error: unknown): boolean {
  const code = codeOf(error);
  return code === RESOURCE_EXHAUSTED || code === ABORTED ||
    code === UNAVAILABLE;
}

/** Whether a document was in the way. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === ALREADY_EXISTS;
}

/** Whether a document was not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === NOT_FOUND;
}

/** The code of gRPC in an error of the client. */
function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
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
