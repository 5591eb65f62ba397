import { SchedulerError } from "../src/api/errors.ts";
import type { Job, JobContext } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { reasonText } from "../src/core/text.ts";
import { checkDuration, checkName } from "../src/core/validate.ts";
import { CappedText, checkMaxBytes } from "./capped_text.ts";
import { type RepeatableRequest, repeatableRequest } from "./curl/request.ts";
import { beginningOf } from "./excerpt.ts";
import { TimeLimit } from "./time_limit.ts";

/** Options of {@linkcode CurlJob}. */
export interface CurlJobOptions {
  /**
   * How long a request may take, with its body, in milliseconds.
   *
   * @default 30_000
   */
  readonly timeoutMs?: number;
  /**
   * How many bytes of the body are kept; where it is cut there is a mark.
   *
   * @default 65_536
   */
  readonly maxBodyBytes?: number;
}

/** A request that was not answered well. */
export class CurlJobError extends SchedulerError {
  /** "CurlJobError". */
  override readonly name: string = "CurlJobError";
  /** Where the request went. */
  readonly url: string;
  /** The status of the answer; `undefined` if there was none. */
  readonly status: number | undefined;
  /** The body of the answer. */
  readonly body: string;

  /** Makes the error from a message and what is known of the answer. */
  constructor(
    message: string,
    url: string,
    answer: { status?: number; body?: string } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.url = url;
    this.status = answer.status;
    this.body = answer.body ?? "";
  }
}

/**
 * Sends a request with `fetch`, the same on every run. The task's result is the
 * status, a line break and the body. A status outside 200 to 399 is a failure.
 *
 * @example A ping
 * ```ts
 * import { CurlJob } from "@x/scheduler";
 *
 * const ping = new CurlJob("ping", "https://example.com/ping", {
 *   method: "POST",
 *   body: JSON.stringify({ from: "scheduler" }),
 * });
 * ```
 */
export class CurlJob implements Job {
  /** The kind of the job. */
  readonly kind: string;
  readonly #request: RepeatableRequest;
  readonly #timeoutMs: number;
  readonly #maxBodyBytes: number;

  /**
   * Makes a job of the given kind.
   *
   * @param url Where the request goes: http or https.
   * @param init What `fetch` takes; a body that can be read only once, such as a
   *   stream, is refused.
   * @throws {TypeError} If the request makes no sense.
   * @throws {RangeError} If the kind or a number among the options makes no
   *   sense.
   */
  constructor(
    kind: string,
    url: string | URL,
    init: RequestInit = {},
    options: CurlJobOptions = {},
  ) {
    checkName("kind", kind);
    const { timeoutMs = 30_000, maxBodyBytes = 65_536 } = options;
    checkDuration("timeoutMs", timeoutMs, { min: 1, max: 2 ** 31 - 1 });
    checkMaxBytes("maxBodyBytes", maxBodyBytes);
    this.kind = kind;
    this.#request = repeatableRequest(kind, url, init);
    this.#timeoutMs = timeoutMs;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /**
   * Sends the request.
   *
   * @returns The task, with the answer as its result.
   * @throws {CurlJobError} If there is no answer in time, or a bad one.
   * @throws The reason of the signal, if that aborts.
   */
  async execute(
    task: StoreTask,
    { signal }: Pick<JobContext, "signal">,
  ): Promise<StoreTask> {
    const { signal: ownSignal } = this.#request.init;
    const signals = ownSignal ? [signal, ownSignal] : [signal];
    const limit = new TimeLimit(this.#timeoutMs, signals);
    try {
      const { status, body } = await this.#send(limit.signal);
      if (status < 200 || status > 399) {
        const why = `answered ${status}: ${beginningOf(body)}`;
        throw this.#failure(why, { status, body });
      }
      task.result = `${status}\n${body}`;
      return task;
    } catch (cause) {
      if (cause instanceof CurlJobError) throw cause;
      if (limit.isOver) {
        const why = `took longer than ${this.#timeoutMs} ms`;
        throw this.#failure(why, {}, cause);
      }
      signal.throwIfAborted();
      throw this.#failure(`failed: ${reasonText(cause)}`, {}, cause);
    } finally {
      limit.end();
    }
  }

  async #send(signal: AbortSignal): Promise<{ status: number; body: string }> {
    const { url, init } = this.#request;
    const response = await fetch(url, { ...init, signal });
    const body = new CappedText(this.#maxBodyBytes);
    const reader = response.body?.getReader();
    for (let chunk = await reader?.read(); chunk?.value;) {
      if (!body.add(chunk.value)) {
        await reader!.cancel();
        break;
      }
      chunk = await reader!.read();
    }
    return { status: response.status, body: body.toString() };
  }

  #failure(
    why: string,
    answer: { status?: number; body?: string },
    cause?: unknown,
  ): CurlJobError {
    const { method, url } = this.#request;
    return new CurlJobError(
      `Cannot run "${this.kind}": ${method} ${url} ${why}`,
      url,
      answer,
      { cause },
    );
  }
}
