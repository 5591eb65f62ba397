/**
 * A process that runs the tasks of a collection: how tests start it, and what it
 * does. It says what happens in lines such as `started task-1 1795468707915180`,
 * lets its tasks go when it is told something, and stops when its input ends.
 */
import type { Logger } from "../../src/api/logger.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { FirestoreStore } from "../../stores/firestore.ts";
import { until } from "./until.ts";

/** The payload of a task that lasts until it is let go, or aborted. */
export const HELD = "held";

/** What a worker is told when it is started. */
export interface FirestoreWorkerSettings {
  readonly collection: string;
  readonly leaseMs: number;
  readonly concurrency?: number;
  /** How wrong the clock of its machine is. */
  readonly clockOffsetMs?: number;
}

type Word = "ready" | "started" | "finished" | "aborted" | "log";

/** A worker in a process of its own. */
export class FirestoreWorker implements AsyncDisposable {
  /** What it has said. */
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  private constructor(settings: FirestoreWorkerSettings) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.url],
      env: { WORKER_SETTINGS: JSON.stringify(settings) },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Starts a worker. @returns When it is ready for tasks. */
  static async start(
    settings: FirestoreWorkerSettings,
  ): Promise<FirestoreWorker> {
    const worker = new FirestoreWorker(settings);
    await worker.hear("ready");
    return worker;
  }

  /** What follows a word, in all lines that start with it. */
  said(word: Word): string[] {
    return this.lines
      .filter((line) => line.startsWith(word))
      .map((line) => line.slice(word.length + 1));
  }

  /** Waits until it has said something. @returns What followed. */
  async hear(word: Word): Promise<string> {
    await until(
      () => this.said(word).length > 0,
      () => `no "${word}" in ${this.lines.slice(-5)}`,
    );
    return this.said(word)[0];
  }

  /** Lets the tasks go that it holds. */
  async letGo(): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new Uint8Array([10]));
    writer.releaseLock();
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Ends it gracefully, unless it is dead. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close().catch(() => {});
    await this.#process.status;
    await this.#reading;
  }

  async #read(): Promise<void> {
    let rest = "";
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines);
    }
  }
}

/** Makes the time of day wrong for everything in this process. */
function shiftClock(ms: number): void {
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(
        target,
        args.length === 0 ? [target.now() + ms] : args,
        newTarget,
      ),
    get: (target, name) =>
      name === "now" ? () => target.now() + ms : Reflect.get(target, name),
  });
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve())
  );
}

async function work(): Promise<void> {
  const released = Promise.withResolvers<void>();
  const { connect } = await import("./firestore_emulator.ts");
  const settings: FirestoreWorkerSettings = JSON.parse(
    Deno.env.get("WORKER_SETTINGS")!,
  );
  const { collection, leaseMs, concurrency, clockOffsetMs = 0 } = settings;
  if (clockOffsetMs !== 0) shiftClock(clockOffsetMs);
  const say = (word: Word, ...rest: unknown[]) =>
    console.log([word, ...rest].join(" "));
  const log = (message: string) => say("log", message);
  const logger: Logger = { debug() {}, info() {}, warn: log, error: log };
  const client = connect();
  const store = new FirestoreStore(client, { collection, timeoutMs: 30_000 });
  const scheduler = new StdScheduler(store, {
    leaseMs,
    concurrency,
    logger,
    heartbeatMs: 3_600_000,
  });
  scheduler.registerJob({
    kind: "work",
    async execute(task, { signal }) {
      say("started", task.slug, task.version);
      if (task.text() === HELD) {
        await Promise.race([released.promise, abortOf(signal)]);
      }
      if (signal.aborted) say("aborted", task.slug, signal.reason.name);
      else say("finished", task.slug);
    },
  });
  await scheduler.start();
  say("ready");
  // Whatever it is told means that tasks are let go; the end ends it.
  for await (const _ of Deno.stdin.readable) released.resolve();
  await scheduler.stop();
  await client.terminate();
}

if (import.meta.main) await work();
