import { SchedulerError } from "../src/api/errors.ts";
import type { Job, JobContext } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import { reasonText } from "../src/core/text.ts";
import { checkDuration, checkName } from "../src/core/validate.ts";
import { CappedText, checkMaxBytes } from "./capped_text.ts";
import {
  type RepeatableRequest,
  repeatableRequest,
  withoutSecrets,
} from "./curl/request.ts";
import { beginningOf } from "./excerpt.ts";
import { TimeLimit } from "./time_limit.ts";

/** Options of {@linkcode CurlJob}; one that does not exist is an error. */
export interface CurlJobOptions {
  /**
   * How long a request may take, with its body, in milliseconds.
   *
   * @default 30_000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How many bytes of the body are kept; a mark shows where it was cut.
   *
   * @default 65_536
   */
  readonly maxBodyBytes?: number | undefined;
}

/** A request that got no answer, or one that says that it failed. */
export class CurlJobError extends SchedulerError {
  /** "CurlJobError". */
  override readonly name: string = "CurlJobError";
  /** Where the request went, without secrets (see {@linkcode CurlJob}). */
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
 * Messages go to logs, and that of a failure is stored as the task's result. So
 * they show URLs with `…` in place of a user and password, the values of the
 * query, the fragment, and parts of the path that look like secrets (16
 * characters or more that are not words). The body is kept as it is. Better send
 * secrets in a header, such as `authorization`: no message shows the value of one.
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
   * @param url Where the request goes: http or https, without a password.
   * @param init What `fetch` takes; a body that can be read only once, such as a
   *   stream, is refused.
   * @throws {TypeError} If the request makes no sense, or an option does not
   *   exist.
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
    checkOptions(`make job "${kind}"`, options, Object.keys(OPTIONS));
    const { timeoutMs = 30_000, maxBodyBytes = 65_536 } = options;
    checkDuration("timeoutMs", timeoutMs, { min: 1 });
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
   * @throws {CurlJobError} If there is no answer in time, or its status is a
   *   failure.
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
    const { method, shownUrl, redact } = this.#request;
    return new CurlJobError(
      `Cannot run "${this.kind}": ${method} ${shownUrl} ${redact(why)}`,
      shownUrl,
      answer,
      { cause: withoutSecrets(cause, redact) },
    );
  }
}

/** The names of all options. */
const OPTIONS: Record<keyof CurlJobOptions, true> = {
  timeoutMs: true,
  maxBodyBytes: true,
};
