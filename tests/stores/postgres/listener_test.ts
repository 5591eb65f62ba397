/** The listener by a stepped clock, on a client that is played. */
import { assert, assertEquals } from "@std/assert";
import type { PgPool, PgPoolClient } from "../../../stores/postgres/client.ts";
import { PgListener } from "../../../stores/postgres/listener.ts";
import { Outage } from "../../../stores/postgres/outage.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

/** A server with one channel, and lines to it that can fall silent. */
class Channel implements AsyncDisposable {
  readonly clock = new SteppedClock();
  readonly outage = new Outage(this.clock);
  readonly logger = new RecordingLogger();
  /** Whether the line of the listener carries anything. */
  listens = true;
  /** Whether messages that other connections send arrive. */
  carries = true;
  statements: string[] = [];
  messages: string[] = [];
  connections = 0;
  readonly #hear = new Set<(message: object) => void>();
  readonly listener: PgListener;

  constructor() {
    const pool: PgPool = {
      query: () => Promise.reject(new Error("not of the pool")),
      connect: () => Promise.resolve(this.#client()),
    };
    this.listener = new PgListener({
      pool,
      channel: "jobs",
      pollMs: 3_600_000,
      timeoutMs: 1_000,
      logger: this.logger,
      clock: this.clock,
      outage: this.outage,
      notify: (message) => {
        this.statements.push("notify");
        if (this.carries) this.say(message);
        return Promise.resolve();
      },
      onMessage: (message) => this.messages.push(message),
      onGap: () => {},
    });
  }

  say(payload: string): void {
    if (!this.listens) return;
    for (const hear of this.#hear) hear({ channel: "jobs", payload });
  }

  #client(): PgPoolClient {
    let hear: ((message: object) => void) | undefined;
    this.connections++;
    return {
      query: (text, values) => {
        this.statements.push(`${text}`);
        if (!this.listens) return new Promise(() => {});
        if (values !== undefined) this.say(`${values[1]}`);
        return Promise.resolve({ rows: [] });
      },
      on: (event, listener) => {
        if (event === "notification") this.#hear.add(hear = listener);
      },
      removeListener: () => {},
      release: () => void this.#hear.delete(hear!),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
    assertEquals(this.clock.sleepers, 0);
  }
}

Deno.test("a line that fell silent is noticed within 15 s", async () => {
  await using channel = new Channel();
  await channel.listener.start();
  await channel.clock.step(30_000);
  assertEquals(channel.logger.entries, []);
  channel.listens = false;
  await channel.clock.step(15_000);
  const [deaf] = channel.logger.messages("warn");
  assert(deaf.startsWith('Cannot listen on "jobs"'), deaf);
  channel.listens = true;
  await channel.clock.step(15_000);
});

Deno.test("an idle line costs one statement in 12 s, and none where others are heard", async () => {
  await using channel = new Channel();
  await channel.listener.start();
  channel.statements = [];
  await channel.clock.step(120_000);
  assertEquals(channel.statements.length, 10);
  channel.statements = [];
  for (let seconds = 0; seconds < 120; seconds += 5) {
    channel.say("probe of another process");
    await channel.clock.step(5_000);
  }
  assertEquals(channel.statements, []);
  assertEquals(channel.messages, []);
});

Deno.test("a failed statement makes it doubt the line at once, but not all the time", async () => {
  await using channel = new Channel();
  await channel.listener.start();
  await channel.clock.step(5_000);
  channel.statements = [];
  for (let count = 0; count < 100; count++) {
    channel.outage.reportFailure();
    await channel.clock.step(10);
  }
  assert(channel.statements.length > 0);
  assert(channel.statements.length <= 4, channel.statements.join());
  channel.listens = false;
  channel.outage.reportFailure();
  await channel.clock.step(1_000 + 2_800);
  assertEquals(channel.logger.messages("warn").length, 1);
  channel.listens = true;
  await channel.clock.step(15_000);
});

Deno.test("after a doubt, messages of statements have to come through too", async () => {
  await using channel = new Channel();
  await channel.listener.start();
  await channel.clock.step(5_000);
  channel.carries = false;
  channel.outage.reportFailure();
  await channel.clock.step(2_800);
  assertEquals(channel.logger.messages("warn").length, 1);
  channel.carries = true;
  await channel.clock.step(100);
});

Deno.test("when it hears again, those who pause are woken", async () => {
  await using channel = new Channel();
  channel.outage.reportFailure();
  const paused = channel.outage.pause(3_600_000);
  await channel.listener.start();
  await channel.clock.step(50);
  await paused;
});
