import { SchedulerError } from "../src/errors.ts";
import type { Job, JobContext } from "../src/job.ts";
import type { StoreTask } from "../src/task.ts";
import { errorText } from "../src/text.ts";
import { checkDuration } from "../src/validate.ts";
import { CappedText } from "./capped_text.ts";

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
   * @throws {RangeError} If a number among the options makes no sense.
   */
  constructor(
    kind: string,
    url: string | URL,
    init: RequestInit = {},
    options: CurlJobOptions = {},
  ) {
    const { timeoutMs = 30_000, maxBodyBytes = 65_536 } = options;
    checkDuration("timeoutMs", timeoutMs, { min: 1, max: 2 ** 31 - 1 });
    if (!(maxBodyBytes >= 0)) {
      throw new RangeError(
        `Cannot use maxBodyBytes ${maxBodyBytes}: it must be 0 or more`,
      );
    }
    this.kind = kind;
    this.#url = checkRequest(kind, url, init);
    this.#init = { ...init };
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
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), this.#timeoutMs);
    try {
      const { status, body } = await this.#send(signal, over.signal);
      if (status < 200 || status > 399) {
        throw new CurlJobError(
          `${this.#request()} answered ${status}: ${body.slice(0, 200)}`,
          this.#url,
          { status, body },
        );
      }
      task.result = `${status}\n${body}`;
      return task;
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof CurlJobError) throw cause;
      const why = over.signal.aborted
        ? `took longer than ${this.#timeoutMs} ms`
        : `failed: ${reasonOf(cause)}`;
      throw new CurlJobError(`${this.#request()} ${why}`, this.#url, {}, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(
    ...signals: AbortSignal[]
  ): Promise<{ status: number; body: string }> {
    const { signal } = this.#init;
    const response = await fetch(this.#url, {
      ...this.#init,
      signal: AbortSignal.any(signal ? [...signals, signal] : signals),
    });
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

  #request(): string {
    return `${this.#init.method?.toUpperCase() ?? "GET"} ${this.#url}`;
  }
}

function checkRequest(
  kind: string,
  url: string | URL,
  init: RequestInit,
): string {
  const fault = (why: string, cause?: unknown) =>
    new TypeError(`Cannot make job "${kind}" for "${url}": ${why}`, { cause });
  if (!URL.canParse(url)) throw fault("it is not a URL");
  const { protocol, href, username, password } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") {
    throw fault("it must begin with http:// or https://");
  }
  if (username !== "" || password !== "") {
    throw fault("it must not have a password in it; send a header instead");
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
  const { cause } = error as { cause?: unknown };
  return cause === undefined
    ? errorText(error)
    : `${errorText(error)}: ${errorText(cause)}`;
}
