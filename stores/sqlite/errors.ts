import { systemClock } from "../../src/api/clock.ts";
import { SchedulerError, StoreUnusableError } from "../../src/api/errors.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { errorText } from "../../src/core/text.ts";

/** What SQLite reports, and what that means to the user. */
const MEANINGS: readonly {
  readonly says: RegExp;
  readonly means: string;
  /** Whether it may be better next time. */
  readonly passes: boolean;
}[] = [
  {
    says: /database or disk is full/,
    means:
      "the disk is full, or the database has reached its max_page_count; " +
      "expected room to write",
    passes: true,
  },
  {
    says: /disk I\/O error/,
    means: "the file system failed (disk I/O error); expected a sound disk",
    passes: true,
  },
  {
    says: /readonly database/,
    means:
      "it is read-only; expected the process to be allowed to write to the " +
      "file and its directory",
    passes: false,
  },
  {
    says: /unable to open database file/,
    means: "the file cannot be opened; expected its directory to exist, and " +
      "the process to be allowed to write to both",
    passes: false,
  },
  {
    says: /file is not a database/,
    means: "the file is not an SQLite database; expected another path",
    passes: false,
  },
  {
    says: /malformed|file is encrypted/,
    means: "the file is corrupt; expected a sound one, such as a backup",
    passes: false,
  },
];

/** What SQLite says of a value that it can never take. */
const VALUE_FAULT = /too big|constraint failed|cannot store|mismatch/;

const LOCKED = /database( \w+)* is locked/;
const IN_TRANSACTION = /transaction within a transaction/;

/** The pauses while somebody else has the database. */
const BUSY = { firstMs: 1, longestMs: 25 };

/** Whether somebody else has the database at the moment. */
export function isBusy(error: unknown): boolean {
  const text = errorText(error);
  return LOCKED.test(text) || IN_TRANSACTION.test(text);
}

/** Whether a value that was to be stored is at fault, and nothing else. */
export function isValueError(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError ||
    (error instanceof Error && VALUE_FAULT.test(error.message));
}

/**
 * Tries until the database is free, without holding up other work of the
 * process meanwhile.
 */
export async function whenFree<T>(
  timeoutMs: number,
  attempt: () => T,
): Promise<T> {
  const start = performance.now();
  const pause = new GrowingPause(BUSY);
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      const leftMs = start + timeoutMs - performance.now();
      if (!isBusy(error) || leftMs <= 0) throw error;
      await systemClock.sleep(Math.min(pause.next(), leftMs));
    }
  }
}

/** The error for a caller of the store who could not `act`. */
export function storeError(
  error: unknown,
  act: string,
  name: string,
  busyTimeoutMs: number,
): SchedulerError {
  if (error instanceof SchedulerError) return error;
  const cause = errorText(error);
  const message = (means: string) => `Cannot ${act} "${name}": ${means}`;
  if (IN_TRANSACTION.test(cause)) {
    return new SchedulerError(
      message(
        "a transaction has been open on the database that was passed for " +
          `${busyTimeoutMs} ms; expected a database of the store's own`,
      ),
      { cause: error },
    );
  }
  if (LOCKED.test(cause)) {
    return new SchedulerError(
      message(
        `another process or connection has had it locked for ${busyTimeoutMs} ms; ` +
          "expected it to be free sooner: find the other with lsof and end its " +
          "transaction, or raise busyTimeoutMs",
      ),
      { cause: error },
    );
  }
  const meaning = MEANINGS.find(({ says }) => says.test(cause));
  if (meaning === undefined) {
    return new SchedulerError(message(cause), { cause: error });
  }
  const ErrorClass = meaning.passes ? SchedulerError : StoreUnusableError;
  return new ErrorClass(message(meaning.means), { cause: error });
}
