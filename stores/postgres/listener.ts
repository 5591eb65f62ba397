import { type Clock, systemClock } from "../../src/api/clock.ts";
import type { Logger } from "../../src/api/logger.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { errorText } from "../../src/core/text.ts";
import { within } from "../../src/runtime/within.ts";
import { aborted, type PgPool, type PgPoolClient } from "./client.ts";
import { PgLender } from "./lender.ts";
import type { Outage } from "./outage.ts";

/** What a {@linkcode PgListener} works with. */
export interface ListenerSettings {
  /** Where to get the connection from; `undefined`: only poll. */
  readonly pool: PgPool | undefined;
  readonly channel: string;
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** What is known of the line by which statements are sent. */
  readonly outage: Outage;
  /** Sends a message on the channel, by the connections of statements. */
  readonly notify: (message: string, limitMs: number) => Promise<unknown>;
  /** Gets the messages. */
  readonly onMessage: (message: string) => void;
  /** Messages may have been missed. */
  readonly onGap: () => void;
  /**
   * Measures how long nothing was heard.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
}

/** The pauses between attempts to listen. */
const RETRY_PAUSES = { firstMs: 100, longestMs: 10_000 };
/** A connection on which nothing was heard for so long is tested. */
const PROBE_MS = 12_000;
/** How often it is tested, at most, while statements fail. */
const DOUBT_MS = 1_000;
/** How long the answer to a statement, or a message, may take. */
const ECHO_MS = 2_800;
/** The pause when messages are swallowed, which does not pass by itself. */
const SWALLOWED_PAUSE_MS = 60_000;
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
  readonly #clock: Clock;
  readonly #end = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #done: Promise<void> = Promise.resolve();
  #polling: ReturnType<typeof setInterval> | undefined;
  readonly #pauses = new GrowingPause(RETRY_PAUSES);
  #heardAt = 0;
  #probedAt = 0;
  /** Whether a statement failed since something was heard. */
  #isDoubted = false;
  #onDoubt: (() => void) | undefined;
  /** Messages that were sent to see whether they come through. */
  readonly #expected = new Map<string, () => void>();

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#clock = settings.clock ?? systemClock;
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
      if (error instanceof SilenceError) {
        await this.#clock.sleep(SWALLOWED_PAUSE_MS, signal);
      } else {
        await this.#settings.outage.pause(this.#pauses.next(), signal);
      }
    }
    this.#started.resolve();
  }

  #onListening(): void {
    const { channel, logger, onGap, outage } = this.#settings;
    outage.reportSuccess();
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
    const lender = PgLender.of(pool);
    const client = await lender.borrow(
      timeoutMs,
      () => new Error(`no connection came free within ${timeoutMs} ms`),
      this.#end.signal,
    );
    await this.#listenOn(client, lender);
  }

  /** PGlite is a database in the same process: no connection can break. */
  async #listenInside(pool: PgPool): Promise<void> {
    const { channel, onMessage } = this.#settings;
    const unlisten = await pool.listen!(`"${channel}"`, onMessage);
    this.#onListening();
    await aborted(this.#end.signal);
    await unlisten();
  }

  async #listenOn(client: PgPoolClient, lender: PgLender): Promise<void> {
    const { channel, outage } = this.#settings;
    const broken = new AbortController();
    const onError = (error?: Error) =>
      broken.abort(error ?? new Error("the connection was closed"));
    const onNotification = (one: { channel?: string; payload?: string }) => {
      if (one.channel === channel) this.#hear(one.payload ?? "");
    };
    client.on?.("error", onError);
    client.on?.("end", onError);
    client.on?.("notification", onNotification);
    const endDoubts = outage.onFailure(() => {
      this.#isDoubted = true;
      this.#onDoubt?.();
    });
    const over = AbortSignal.any([broken.signal, this.#end.signal]);
    try {
      await this.#ask(client, over, `listen "${channel}"`);
      await this.#keepListening(client, over);
      broken.signal.throwIfAborted();
      await this.#ask(client, broken.signal, `unlisten "${channel}"`);
    } catch (error) {
      broken.abort(error);
    }
    endDoubts();
    client.removeListener?.("notification", onNotification);
    client.removeListener?.("end", onError);
    if (broken.signal.aborted) lender.drop(client, broken.signal.reason);
    else lender.giveBack(client);
    client.removeListener?.("error", onError);
    broken.signal.throwIfAborted();
  }

  async #ask(
    client: PgPoolClient,
    signal: AbortSignal,
    text: string,
    values?: unknown[],
  ): Promise<void> {
    const late = () => new Error(`no answer within ${ECHO_MS} ms`);
    await within(client.query(text, values), ECHO_MS, late, {
      signal,
      clock: this.#clock,
    });
  }

  /** Makes sure, now and then, that messages come through. */
  async #keepListening(
    client: PgPoolClient,
    over: AbortSignal,
  ): Promise<void> {
    const { channel, notify } = this.#settings;
    const across = (message: string) => notify(message, ECHO_MS);
    const alone = (message: string) =>
      this.#ask(client, over, "select pg_notify($1, $2)", [channel, message]);
    if (!await this.#probe(across, over)) {
      throw new SilenceError(
        "messages do not come through, as when a proxy pools transactions; " +
          "expected the option listen to have a direct connection",
      );
    }
    if (!over.aborted) this.#onListening();
    while (!over.aborted) {
      const isDoubted = await this.#untilProbe(over);
      if (over.aborted) break;
      const probes = [this.#probe(alone, over)];
      // Statements may go to another server by now, or nowhere.
      if (isDoubted) probes.push(this.#probe(across, over).catch(() => true));
      const areHeard = await Promise.all(probes);
      if (!areHeard.every(Boolean)) throw new Error("messages stay away");
    }
  }

  /**
   * Waits until the connection has been silent for long, or statements failed
   * since. @returns Whether they did.
   */
  async #untilProbe(over: AbortSignal): Promise<boolean> {
    for (;;) {
      const silentAt = this.#heardAt + PROBE_MS;
      const at = this.#isDoubted
        ? Math.min(this.#probedAt + DOUBT_MS, silentAt)
        : silentAt;
      const waitMs = at - this.#clock.monotonic();
      if (over.aborted || waitMs <= 0) return this.#isDoubted;
      const doubt = new AbortController();
      this.#onDoubt = () => doubt.abort();
      await this.#clock.sleep(waitMs, AbortSignal.any([over, doubt.signal]));
    }
  }

  /** Whether a message comes through; or it is over. */
  async #probe(
    send: (message: string) => Promise<unknown>,
    over: AbortSignal,
  ): Promise<boolean> {
    const heard = new AbortController();
    const message = `${PROBE}${crypto.randomUUID()}`;
    this.#expected.set(message, () => heard.abort());
    this.#probedAt = this.#clock.monotonic();
    try {
      await send(message);
      await this.#clock.sleep(ECHO_MS, AbortSignal.any([heard.signal, over]));
    } finally {
      this.#expected.delete(message);
    }
    return heard.signal.aborted || over.aborted;
  }

  #hear(message: string): void {
    this.#heardAt = this.#clock.monotonic();
    this.#isDoubted = false;
    if (!message.startsWith(PROBE)) this.#settings.onMessage(message);
    else this.#expected.get(message)?.();
  }
}
