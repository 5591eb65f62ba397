import { until } from "./until.ts";
import type { WorkerEvent, WorkerSettings } from "./postgres_worker.ts";

/** A worker in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  /** What it has said. */
  readonly events: WorkerEvent[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;

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
    await worker.hear("ready");
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
    await until(
      () => find() !== undefined,
      () => `no "${event}" in ${this.#tail()}`,
    );
    return find()!;
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
    }
  }
}
