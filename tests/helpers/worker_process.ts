import { assert } from "@std/assert";
import type { WorkerEvent, WorkerSettings } from "./postgres_worker.ts";

/** How long anything may take, in milliseconds. */
const PATIENCE_MS = 30_000;

/** A worker in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  /** What it has said. */
  readonly events: WorkerEvent[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #onEvent: (() => void) | undefined;

  private constructor(settings: WorkerSettings) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check"],
        new URL("postgres_worker.ts", import.meta.url).href,
        JSON.stringify(settings),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Starts a worker. @returns When it is ready for tasks. */
  static async start(settings: WorkerSettings): Promise<WorkerProcess> {
    const worker = new WorkerProcess(settings);
    await worker.until(() => worker.events.length > 0);
    return worker;
  }

  /** The slugs of the events of one sort. */
  slugs(event: WorkerEvent["event"]): string[] {
    return this.events.filter((one) => one.event === event)
      .map(({ slug }) => slug!);
  }

  /** Waits until it has said something. @returns What it said. */
  async hear(
    event: WorkerEvent["event"],
    slug?: string,
  ): Promise<WorkerEvent> {
    const find = () =>
      this.events.find((one) => one.event === event && one.slug === slug);
    await this.until(() => find() !== undefined);
    return find()!;
  }

  /** Waits until a condition on its events holds. */
  async until(condition: () => boolean): Promise<void> {
    const giveUp = Date.now() + PATIENCE_MS;
    while (!condition()) {
      assert(Date.now() < giveUp, `${condition}: ${this.#tail()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, 100);
      this.#onEvent = resolve;
      await promise;
      clearTimeout(timer);
    }
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

  #tail(): string {
    return this.events.slice(-5).map((event) => JSON.stringify(event)).join();
  }

  async #read(): Promise<void> {
    let rest = "";
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.events.push(JSON.parse(line));
      this.#onEvent?.();
    }
  }
}
