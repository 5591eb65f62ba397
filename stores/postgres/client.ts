import { SchedulerError } from "../../src/api/errors.ts";
import { within } from "../../src/core/within.ts";

/** A statement as `pg` takes it; one with a name is prepared. */
export interface PgQuery {
  /** Under which name the server keeps it prepared. */
  readonly name?: string;
  /** The SQL. */
  readonly text: string;
  /** What the placeholders stand for. */
  values?: unknown[];
}

/** What a statement answers. */
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
  /** Listens on a channel, as PGlite does. Answers how to end that. */
  listen?(
    channel: string,
    callback: (payload: string) => void,
  ): Promise<() => Promise<void>>;
  /** Hears errors of idle connections. */
  // deno-lint-ignore no-explicit-any
  on?(event: string, listener: (argument: any) => void): unknown;
  /** The settings of the pool. */
  readonly options?: { readonly max?: number };
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

/** Whether the connection broke or could not be made. */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined
    ? error instanceof Error && isSocketError(error)
    : state.startsWith("08") || state === "53300" ||
      /^57P0[1235]$/.test(state);
}

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

/**
 * Borrows a connection, under the terms of `within`. One that comes too late
 * goes back at once.
 */
export async function borrow(
  pool: PgPool,
  ms: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<PgPoolClient> {
  const connecting = pool.connect!();
  let isLate = false;
  connecting.then((client) => isLate && client.release(), () => {});
  try {
    return await within(connecting, ms, late, { signal });
  } catch (error) {
    isLate = true;
    throw error;
  }
}
