import { SchedulerError } from "../src/api/errors.ts";
import type { Job, JobContext } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { errorText } from "../src/core/text.ts";
import { checkDuration, checkName } from "../src/core/validate.ts";
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
    this.#url = checkUrl(kind, url);
    checkRequest(kind, this.#url, init);
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
    const request = `${methodOf(this.#init)} ${this.#url}`;
    return new CurlJobError(
      `Cannot run "${this.kind}": ${request} ${why}`,
      this.#url,
      answer,
      { cause },
    );
  }
}

/** How much of a body is in a message, in UTF-16 code units. */
const MAX_SAID = 200;

/** Returns the URL in its normal form, or throws. */
function checkUrl(kind: string, url: string | URL): string {
  // Messages go to logs: no passwords there.
  const shown = String(url).replace(/\/\/[^/?#]*@/, "//…@");
  const fault = (why: string) =>
    new TypeError(`Cannot make job "${kind}" for "${shown}": ${why}`);
  if (!URL.canParse(url)) throw fault("it is not a URL");
  const { protocol, href, username, password } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") {
    throw fault("it must begin with http:// or https://");
  }
  if (username !== "" || password !== "") {
    throw fault("it must not have a password in it; send a header instead");
  }
  return href;
}

/** Throws if `fetch` would refuse the request, or would on its second run. */
function checkRequest(kind: string, url: string, init: RequestInit): void {
  const fault = (why: string, cause?: unknown) =>
    new TypeError(`Cannot make job "${kind}" for "${url}": ${why}`, { cause });
  if (isOneShot(init.body)) {
    throw fault(
      "its body can be read only once, but each run sends it again; " +
        "pass a string or bytes",
    );
  }
  // Not every runtime finds these two before it sends the request.
  const method = methodOf(init);
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(method)) {
    throw fault(`"${method}" is not a method`);
  }
  if ((method === "GET" || method === "HEAD") && init.body != null) {
    throw fault(`a ${method} request has no body; pass method "POST"`);
  }
  try {
    new Request(url, { ...init, signal: null });
  } catch (cause) {
    throw fault(errorText(cause), cause);
  }
}

function methodOf({ method = "GET" }: RequestInit): string {
  return method.toUpperCase();
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
