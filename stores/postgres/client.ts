import { SchedulerError } from "../../src/api/errors.ts";

/** A statement as `pg` takes it; one with a name is prepared. */
export interface PgQuery {
  /** Under which name the server keeps it prepared. */
  readonly name?: string | undefined;
  /** The SQL. */
  readonly text: string;
  /** What the placeholders stand for. */
  values?: unknown[];
}

/** What a statement returns. */
export interface PgRows {
  /** The rows, each by column name. */
  rows: Record<string, unknown>[];
}

/**
 * Anything that runs a statement: a client of `pg` (such as the one that holds
 * your transaction), a pool, PGlite or a transaction of PGlite.
 */
export interface PgClient {
  /** Runs one statement. */
  query(query: string | PgQuery, values?: unknown[]): Promise<PgRows>;
}

/** A client that a pool lends. */
export interface PgPoolClient extends PgClient {
  /** Gives it back; with an error or `true`, its connection is closed. */
  release(error?: Error | boolean): void;
  /** Hears notifications, errors and the end of the connection. */
  // deno-lint-ignore no-explicit-any
  on?(event: string, listener: (argument: any) => void): unknown;
  /** Hears no more. */
  // deno-lint-ignore no-explicit-any
  removeListener?(event: string, listener: (argument: any) => void): unknown;
}

/** What the store needs of the user's client: a `pg.Pool`, or a PGlite. */
export interface PgPool extends PgClient {
  /** Lends a client. Without it, `query` is used, one statement at a time. */
  connect?(): Promise<PgPoolClient>;
  /** Listens on a channel, as PGlite does. Returns how to end that. */
  listen?(
    channel: string,
    callback: (payload: string) => void,
  ): Promise<() => Promise<void>>;
  /** Runs a transaction, as PGlite does. */
  transaction?<T>(work: (transaction: PgClient) => Promise<T>): Promise<T>;
  /** Hears errors of idle connections. */
  // deno-lint-ignore no-explicit-any
  on?(event: string, listener: (argument: any) => void): unknown;
  /** The settings of the pool. */
  readonly options?: {
    readonly max?: number | undefined;
    readonly connectionTimeoutMillis?: number | undefined;
  };
}

/** A statement of the store. */
export interface Statement {
  /** Names it among the statements of its table. */
  readonly name: string;
  /** The SQL. */
  readonly text: string;
}

/** The five characters with which the server says what is wrong. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && code.length === 5 &&
      typeof severity === "string"
    ? code
    : undefined;
}

/** Whether the server undid the statement and asks for another try. */
export function isTransient(error: unknown): boolean {
  return ["40001", "40P01"].includes(sqlState(error) ?? "");
}

/** The server is read-only, as after a fail-over to another one. */
const READ_ONLY = "25006";
/** Somebody left a transaction behind that has failed. */
const IN_FAILED_TRANSACTION = "25P02";
const TOO_MANY_CONNECTIONS = "53300";

/**
 * Whether the connection broke, could not be made, or is of no use: another one
 * may be.
 */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined
    ? error instanceof Error && isSocketError(error)
    : isRefusal(error) || state.startsWith("08") ||
      state === TOO_MANY_CONNECTIONS || /^57P0[1235]$/.test(state);
}

/** Whether the connection is of no use, and the statement had no effect. */
export function isRefusal(error: unknown): boolean {
  return isReadOnly(error) || sqlState(error) === IN_FAILED_TRANSACTION;
}

/** Whether the connection leads to a server that takes no changes. */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === READ_ONLY;
}

/** No connection, or no answer, came in time. */
export class LateError extends SchedulerError {}

function isSocketError(error: Error): boolean {
  if (error instanceof SchedulerError) return false;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^(E[A-Z]+|UND_)/.test(code) ||
    /connection|socket|timeout exceeded when trying to connect/i.test(
      error.message,
    );
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
