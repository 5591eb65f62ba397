import type { Job } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { checkName } from "../src/core/validate.ts";

/** Options of {@linkcode PrintJob}. */
export interface PrintJobOptions {
  /**
   * Where the text goes.
   *
   * @default console.log
   */
  readonly print?: (text: string) => void;
}

/**
 * Prints the payload as text.
 *
 * @example Printing elsewhere
 * ```ts
 * import { PrintJob, StdScheduler } from "@x/scheduler";
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 * import { assertEquals } from "@std/assert";
 *
 * const printed = Promise.withResolvers<string>();
 * await using scheduler = new StdScheduler(new MemoryStore());
 * scheduler.registerJob(new PrintJob("print", { print: printed.resolve }));
 * await scheduler.start();
 * await scheduler.scheduleJob("greeting", "print", { payload: "Hello" });
 * assertEquals(await printed.promise, "Hello");
 * ```
 */
export class PrintJob implements Job {
  /** The kind of the job. */
  readonly kind: string;
  readonly #print: (text: string) => void;

  /**
   * Makes a job of the given kind.
   *
   * @throws {RangeError} If the kind makes no sense.
   */
  constructor(kind: string = "print", options: PrintJobOptions = {}) {
    checkName("kind", kind);
    this.kind = kind;
    this.#print = options.print ?? ((text) => console.log(text));
  }

  /**
   * Prints the payload.
   *
   * @throws {PayloadError} If the payload is not UTF-8.
   */
  execute(task: StoreTask): void {
    this.#print(task.text());
  }
}
