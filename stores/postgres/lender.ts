import { within } from "../../src/runtime/within.ts";
import type { PgPool, PgPoolClient } from "./client.ts";
import { Outage } from "./outage.ts";

/** How long making a connection may take, at least and at most. */
const CONNECT_MS = { min: 1_000, max: 5_000 };

/** What is used of a client of `pg` beside its interface, if it is there. */
interface PgSocket {
  /** Whether the server has not let it in yet. */
  readonly _connecting?: boolean;
  readonly connection?: { readonly stream?: { destroy?(): void } };
  once?(event: string, listener: () => void): unknown;
}

/** A client that the pool was asked for. */
interface Request {
  readonly answer: Promise<PgPoolClient>;
  client?: PgPoolClient;
  hasFailed?: boolean;
}

/**
 * Borrows connections from a pool for all stores of the process that use it,
 * and leaves nothing in it that blocks it:
 *
 * - A request to `pg` cannot be taken back. Those whose time ran out are passed
 *   on to whoever asks next, so that they do not pile up.
 * - By default, `pg` waits for ever for a server that does not let it in, and
 *   the slot is lost. Such connections are closed here, unless the pool has a
 *   `connectionTimeoutMillis` of its own.
 * - When one connection fell silent, so did others: those on which nothing was
 *   heard since are closed rather than lent.
 */
export class PgLender {
  static readonly #lenders = new WeakMap<PgPool, PgLender>();

  /** What is known of the line to the server of this pool. */
  readonly outage: Outage = new Outage();
  readonly #pool: PgPool;
  /** Requests that nobody waits for any more. */
  readonly #spare = new Set<Request>();
  /** When something was heard on each connection. */
  readonly #heardAt = new WeakMap<object, number>();
  /** Connections on which nothing was heard since then are closed. */
  #distrustedBefore = -Infinity;
  readonly #watched = new WeakSet<object>();

  private constructor(pool: PgPool) {
    this.#pool = pool;
    pool.on?.("connect", (client) => this.#hear(client));
  }

  /** The lender of a pool: always the same one. */
  static of(pool: PgPool): PgLender {
    let lender = PgLender.#lenders.get(pool);
    if (lender === undefined) {
      lender = new PgLender(pool);
      PgLender.#lenders.set(pool, lender);
    }
    return lender;
  }

  /**
   * Borrows a connection; rejects with what `late` makes if none comes within
   * `ms` milliseconds, or if the signal aborts before.
   */
  async borrow(
    ms: number,
    late: () => Error,
    signal?: AbortSignal,
  ): Promise<PgPoolClient> {
    const giveUpAt = performance.now() + ms;
    for (;;) {
      const leftMs = Math.max(giveUpAt - performance.now(), 0);
      const client = await this.#request(leftMs, late, signal);
      const heardAt = this.#heardAt.get(client) ?? -Infinity;
      if (heardAt >= this.#distrustedBefore) return client;
      this.drop(client, new Error("the line may have been silent since"));
    }
  }

  /** Takes back a connection that works. */
  giveBack(client: PgPoolClient): void {
    this.#hear(client);
    client.release();
  }

  /** Takes back a connection that does not work, and closes it. */
  drop(client: PgPoolClient, error: Error): void {
    client.release(error);
    close(client);
  }

  /** Lends no connection any more on which nothing was heard since then. */
  distrustBefore(instant: number): void {
    this.#distrustedBefore = Math.max(this.#distrustedBefore, instant);
  }

  #hear(client: object): void {
    this.#heardAt.set(client, performance.now());
  }

  async #request(
    ms: number,
    late: () => Error,
    signal: AbortSignal | undefined,
  ): Promise<PgPoolClient> {
    const request = this.#takeSpare() ?? this.#ask();
    this.#watchConnecting(ms);
    try {
      return await within(request.answer, ms, late, { signal });
    } catch (error) {
      this.#watchConnecting(ms);
      if (request.client !== undefined) request.client.release();
      else if (!request.hasFailed) this.#spare.add(request);
      throw error;
    }
  }

  #takeSpare(): Request | undefined {
    for (const request of this.#spare) {
      this.#spare.delete(request);
      return request;
    }
    return undefined;
  }

  #ask(): Request {
    const request: Request = { answer: this.#pool.connect!() };
    request.answer.then((client) => {
      request.client = client;
      if (this.#spare.delete(request)) client.release();
    }, () => {
      request.hasFailed = true;
      this.#spare.delete(request);
    });
    return request;
  }

  /**
   * Bounds the time of connections in the making. Which of them was made for
   * whom cannot be told, for the pool makes some when others are closed.
   */
  #watchConnecting(ms: number): void {
    const { _clients: clients, options } = this.#pool as PgPool & {
      readonly _clients?: unknown;
    };
    if (options?.connectionTimeoutMillis || !Array.isArray(clients)) return;
    for (const client of clients as PgSocket[]) {
      if (client._connecting !== true || this.#watched.has(client)) continue;
      this.#watched.add(client);
      const { min, max } = CONNECT_MS;
      const limitMs = Math.min(Math.max(ms, min), max);
      const timer = setTimeout(() => close(client), limitMs);
      for (const event of ["connect", "end"]) {
        client.once?.(event, () => clearTimeout(timer));
      }
    }
  }
}

/** Closes the socket without taking leave of the server. */
function close(client: object): void {
  (client as PgSocket).connection?.stream?.destroy?.();
}
