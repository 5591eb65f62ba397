import type { Job } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import { printable } from "../src/core/text.ts";
import { checkName } from "../src/core/validate.ts";

/** Options of {@linkcode PrintJob}; one that does not exist is an error. */
export interface PrintJobOptions {
  /**
   * Receives the text. The run ends when the promise settles that it returns, if
   * it returns one; a throw or a rejection is a failure.
   *
   * @default console.log
   */
  readonly print?: ((text: string) => unknown) | undefined;
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
  readonly #print: (text: string) => unknown;

  /**
   * Makes a job of the given kind.
   *
   * @throws {RangeError} If the kind makes no sense.
   * @throws {TypeError} If an option does not exist, or `print` is no function.
   */
  constructor(kind: string = "print", options: PrintJobOptions = {}) {
    checkName("kind", kind);
    checkOptions(`make job "${kind}"`, options, ["print"]);
    const { print = (text: string) => console.log(text) } = options;
    if (typeof print !== "function") {
      throw new TypeError(
        `Cannot make job "${kind}" with print ${printable(print)}: ` +
          "expected a function",
      );
    }
    this.kind = kind;
    this.#print = print;
  }

  /**
   * Prints the payload. Returns a promise if `print` does.
   *
   * @throws {PayloadError} If the payload is not UTF-8.
   * @throws What `print` throws, or rejects with.
   */
  execute(task: StoreTask): void | Promise<void> {
    const printed = this.#print(task.text());
    // What it returns is no answer to the scheduler: null would mean removal.
    if (isThenable(printed)) return Promise.resolve(printed).then(() => {});
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then ===
    "function";
}
