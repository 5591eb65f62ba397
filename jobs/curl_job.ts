import { SchedulerError } from "../src/errors.ts";
import type { Job, JobContext } from "../src/job.ts";
import type { StoreTask } from "../src/task.ts";
import { errorText } from "../src/text.ts";
import { checkDuration, checkName } from "../src/validate.ts";
import { CappedText, checkMaxBytes } from "./capped_text.ts";
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
  readonly #url: string;
  readonly #init: RequestInit;
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
    this.#url = checkRequest(kind, url, init);
    this.#init = { ...init, headers: new Headers(init.headers) };
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
    const { signal: ownSignal } = this.#init;
    const signals = ownSignal ? [signal, ownSignal] : [signal];
    const limit = new TimeLimit(this.#timeoutMs, signals);
    try {
      const { status, body } = await this.#send(limit.signal);
      if (status < 200 || status > 399) {
        const said = body.length > MAX_SAID
          ? `${body.slice(0, MAX_SAID)}…`
          : body;
        throw this.#failure(`answered ${status}: ${said}`, { status, body });
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
      throw this.#failure(`failed: ${reasonOf(cause)}`, {}, cause);
    } finally {
      limit.end();
    }
  }

  async #send(signal: AbortSignal): Promise<{ status: number; body: string }> {
    const response = await fetch(this.#url, { ...this.#init, signal });
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
    const method = this.#init.method?.toUpperCase() ?? "GET";
    return new CurlJobError(
      `Cannot run "${this.kind}": ${method} ${this.#url} ${why}`,
      this.#url,
      answer,
      { cause },
    );
  }
}

/** How much of a body is in a message, in UTF-16 code units. */
const MAX_SAID = 200;

function checkRequest(
  kind: string,
  url: string | URL,
  init: RequestInit,
): string {
  if (!URL.canParse(url)) {
    throw new TypeError(
      `Cannot make job "${kind}" for "${url}": it is not a URL`,
    );
  }
  const { protocol, href, username, password, host } = new URL(url);
  if (username !== "" || password !== "") {
    // Does not repeat them: messages go to logs.
    throw new TypeError(
      `Cannot make job "${kind}" for ${protocol}//…@${host}: the URL must ` +
        "have no user name or password; send an authorization header instead",
    );
  }
  const fault = (why: string, cause?: unknown) =>
    new TypeError(`Cannot make job "${kind}" for "${href}": ${why}`, { cause });
  if (protocol !== "http:" && protocol !== "https:") {
    throw fault("it must begin with http:// or https://");
  }
  if (isOneShot(init.body)) {
    throw fault(
      "its body can be read only once, but each run sends it again; " +
        "pass a string or bytes",
    );
  }
  try {
    new Request(href, { ...init, signal: null });
  } catch (cause) {
    throw fault(errorText(cause), cause);
  }
  return href;
}

function isOneShot(body: RequestInit["body"]): boolean {
  return typeof body === "object" && body !== null &&
    ("getReader" in body || Symbol.asyncIterator in body);
}

/** `fetch` hides the reason for a failure in the cause of its error. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(reasonOf).join(", ");
  }
  return error instanceof Error && error.cause !== undefined
    ? `${errorText(error)}: ${reasonOf(error.cause)}`
    : errorText(error);
}
