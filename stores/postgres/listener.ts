import { systemClock } from "../../src/api/clock.ts";
import type { Logger } from "../../src/api/logger.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { errorText } from "../../src/core/text.ts";
import { within } from "../../src/core/within.ts";
import { aborted, borrow, type PgPool, type PgPoolClient } from "./client.ts";

/** What a {@linkcode PgListener} works with. */
export interface ListenerSettings {
  /** Where to get the connection from; `undefined`: only poll. */
  readonly pool: PgPool | undefined;
  readonly channel: string;
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** Sends a message on the channel, by another connection. */
  readonly notify: (message: string) => Promise<unknown>;
  /** Gets the messages. */
  readonly onMessage: (message: string) => void;
  /** Messages may have been missed. */
  readonly onGap: () => void;
}

/** The pauses between attempts to listen. */
const RETRY_PAUSES = { firstMs: 100, longestMs: 10_000 };
/** How often a connection on which nothing is heard is tested. */
const PROBE_MS = 60_000;
/** How long a message may take from one connection to the other. */
const ECHO_MS = 3_000;
const PROBE = "probe ";

/** Listening was not asked for, or there is nothing to listen with. */
class DeafError extends Error {}

/** The connection is fine, but messages do not come through. */
class SilenceError extends Error {}

/**
 * Listens on a channel through a connection of its own, which it makes again
 * when it breaks. As long as it cannot listen, it reports a gap at regular
 * intervals instead.
 */
export class PgListener implements AsyncDisposable {
  readonly #settings: ListenerSettings;
  readonly #end = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #done: Promise<void> = Promise.resolve();
  #polling: ReturnType<typeof setInterval> | undefined;
  readonly #pauses = new GrowingPause(RETRY_PAUSES);
  #lastHeard = 0;
  #expected: { message: string; onHeard: () => void } | undefined;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
  }

  /** Resolves when it listens, or polls because it cannot. */
  async start(): Promise<void> {
    this.#done = this.#run();
    await this.#started.promise;
  }

  /** Ends the listening; no callback is called any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    clearInterval(this.#polling);
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const error = await this.#listen().catch((error) => error);
      if (signal.aborted) break;
      this.#onDeaf(error);
      if (error instanceof DeafError) break;
      const pauseMs = error instanceof SilenceError
        ? PROBE_MS
        : this.#pauses.next();
      await systemClock.sleep(pauseMs, signal);
    }
    this.#started.resolve();
  }

  #onListening(): void {
    const { channel, logger, onGap } = this.#settings;
    if (this.#polling !== undefined) {
      clearInterval(this.#polling);
      this.#polling = undefined;
      logger.warn(`Listens on "${channel}" again`);
      onGap();
    }
    this.#pauses.reset();
    this.#started.resolve();
  }

  #onDeaf(error: unknown): void {
    const { channel, pollMs, logger, onGap } = this.#settings;
    if (this.#polling === undefined) {
      this.#polling = setInterval(onGap, pollMs);
      logger.warn(
        `Cannot listen on "${channel}", looking for due tasks every ` +
          `${pollMs} ms instead: ${errorText(error)}`,
        { error },
      );
    }
    this.#started.resolve();
  }

  /** Listens until this ends; throws when it cannot listen any more. */
  async #listen(): Promise<void> {
    const { pool, timeoutMs } = this.#settings;
    if (pool === undefined) throw new DeafError("it is switched off");
    if (pool.listen !== undefined) return await this.#listenInside(pool);
    if (pool.connect === undefined || (pool.options?.max ?? 2) < 2) {
      throw new DeafError("the pool has no connection to spare");
    }
    const client = await borrow(
      pool,
      timeoutMs,
      () => new Error(`no connection came free within ${timeoutMs} ms`),
      this.#end.signal,
    );
    await this.#listenOn(client);
  }

  /** PGlite is a database in the same process: no connection can break. */
  async #listenInside(pool: PgPool): Promise<void> {
    const { channel, onMessage } = this.#settings;
    const unlisten = await pool.listen!(`"${channel}"`, onMessage);
    this.#onListening();
    await aborted(this.#end.signal);
    await unlisten();
  }

  async #listenOn(client: PgPoolClient): Promise<void> {
    const broken = new AbortController();
    const onError = (error?: Error) =>
      broken.abort(error ?? new Error("the connection was closed"));
    const onNotification = ({ payload }: { payload?: string }) =>
      this.#hear(payload ?? "");
    client.on?.("error", onError);
    client.on?.("end", onError);
    client.on?.("notification", onNotification);
    try {
      await this.#ask(client, "listen", broken.signal);
      await this.#keepListening(broken.signal);
      await this.#ask(client, "unlisten", broken.signal);
    } catch (error) {
      broken.abort(error);
    }
    client.removeListener?.("notification", onNotification);
    client.removeListener?.("end", onError);
    client.removeListener?.("error", onError);
    client.release(broken.signal.aborted);
    broken.signal.throwIfAborted();
  }

  async #ask(
    client: PgPoolClient,
    verb: "listen" | "unlisten",
    broken: AbortSignal,
  ): Promise<void> {
    const late = () => new Error(`no answer within ${ECHO_MS} ms`);
    const asked = client.query(`${verb} "${this.#settings.channel}"`);
    await within(asked, ECHO_MS, late, { signal: broken });
  }

  /** Makes sure, now and then, that messages come through. */
  async #keepListening(broken: AbortSignal): Promise<void> {
    const over = AbortSignal.any([broken, this.#end.signal]);
    if (!await this.#probe(over)) {
      throw new SilenceError(
        "messages do not come through; a proxy that pools transactions " +
          "swallows them, so let the option listen have a direct connection",
      );
    }
    if (!over.aborted) this.#onListening();
    while (!over.aborted) {
      const quietMs = performance.now() - this.#lastHeard;
      if (quietMs < PROBE_MS) await systemClock.sleep(PROBE_MS - quietMs, over);
      else if (!await this.#probe(over)) throw new Error("messages stay away");
    }
    broken.throwIfAborted();
  }

  /** Whether a message comes through; or it is over. */
  async #probe(over: AbortSignal): Promise<boolean> {
    const heard = new AbortController();
    const message = `${PROBE}${crypto.randomUUID()}`;
    this.#expected = { message, onHeard: () => heard.abort() };
    await this.#settings.notify(message);
    await systemClock.sleep(ECHO_MS, AbortSignal.any([heard.signal, over]));
    return heard.signal.aborted || over.aborted;
  }

  #hear(message: string): void {
    this.#lastHeard = performance.now();
    if (message === this.#expected?.message) this.#expected.onHeard();
    else if (!message.startsWith(PROBE)) this.#settings.onMessage(message);
  }
}
