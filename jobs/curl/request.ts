import { printable, reasonText } from "../../src/core/text.ts";
import { redactorFor, redactUrl } from "./redact.ts";

/** A request that can be sent again and again. */
export interface RepeatableRequest {
  readonly url: string;
  /** The URL as messages show it. */
  readonly shownUrl: string;
  readonly method: string;
  readonly init: RequestInit;
  /** Takes the secrets of the URL out of a message. */
  readonly redact: (text: string) => string;
}

/**
 * Makes a request out of what the user gave.
 *
 * @throws {TypeError} If `fetch` would refuse it, or would on its second run.
 */
export function repeatableRequest(
  kind: string,
  givenUrl: string | URL,
  given: RequestInit,
): RepeatableRequest {
  const url = checkUrl(kind, givenUrl);
  const shownUrl = redactUrl(url);
  const redact = redactorFor(url);
  const fault = (why: string, cause?: unknown) =>
    new TypeError(`Cannot make job "${kind}" for "${shownUrl}": ${why}`, {
      cause,
    });
  const init = checkInit(given, fault);
  try {
    new Request(url, { ...init, signal: null });
  } catch (cause) {
    throw fault(redact(reasonText(cause)), withoutSecrets(cause, redact));
  }
  return { url, shownUrl, method: methodOf(init), init, redact };
}

/** An error that shows no secret: the same, or one that says as much. */
export function withoutSecrets(
  error: unknown,
  redact: RepeatableRequest["redact"],
): unknown {
  const text = reasonText(error);
  const said = error instanceof Error ? `${text}\n${error.stack}` : text;
  if (redact(said) === said) return error;
  const redacted = new Error(redact(text));
  if (error instanceof Error) redacted.name = error.name;
  return redacted;
}

/** Returns the URL in its normal form, or throws. */
function checkUrl(kind: string, url: string | URL): string {
  const text = url instanceof URL ? url.href : url;
  const shown = typeof text === "string"
    ? `"${redactUrl(text)}"`
    : printable(text);
  const fault = (why: string) =>
    new TypeError(`Cannot make job "${kind}" for ${shown}: ${why}`);
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw fault("expected a URL that begins with http:// or https://");
  }
  const { protocol, href, username, password } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") {
    throw fault("expected a URL that begins with http:// or https://");
  }
  if (username !== "" || password !== "") {
    throw fault(
      "it has a user or a password in it, which fetch refuses: " +
        "expected them in a header, such as authorization",
    );
  }
  return href;
}

/** What is meant for the job, by what it may be called: `fetch` would ignore it. */
const OUR_OPTIONS: readonly [RegExp, string][] = [
  [/^time_?out/i, "timeoutMs"],
  [/^max/i, "maxBodyBytes"],
];

type Fault = (why: string, cause?: unknown) => TypeError;

/** Copies and checks what `fetch` takes, as far as `Request` does not. */
function checkInit(given: RequestInit, fault: Fault): RequestInit {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw fault(`its request is ${printable(given)}: expected an object`);
  }
  for (const name of Object.keys(given)) {
    const [, ours] = OUR_OPTIONS.find(([like]) => like.test(name)) ?? [];
    if (ours !== undefined) {
      throw fault(
        `its request has ${printable(name)}, which fetch does not know: ` +
          `expected "${ours}" among the options, the argument after it`,
      );
    }
  }
  const init = { ...given };
  if (isOneShot(init.body)) {
    throw fault(
      "its body can be read only once, but each run sends it again: " +
        "expected a string or bytes",
    );
  }
  // Not every runtime finds these two before it sends the request.
  const method = methodOf(init);
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(method)) {
    throw fault(
      `${printable(method)} is not a method: expected one such as "POST"`,
    );
  }
  if ((method === "GET" || method === "HEAD") && init.body != null) {
    throw fault(
      `a ${method} request has no body: expected another method, ` +
        'such as "POST"',
    );
  }
  init.headers = checkHeaders(init.headers, fault);
  return init;
}

/** Runtimes name the value of a header that they refuse: it may be a secret. */
function checkHeaders(given: unknown, fault: Fault): Headers {
  const headers = new Headers();
  for (const [name, value] of headerPairs(given, fault)) {
    if (!isHeader(name, value)) {
      throw fault(
        `its header ${printable(name)} cannot be sent: expected a name of ` +
          "letters, digits and dashes, and a value of one line in Latin-1",
      );
    }
    headers.append(name, value);
  }
  return headers;
}

function headerPairs(given: unknown, fault: Fault): [string, string][] {
  if (given === undefined) return [];
  if (typeof given === "object" && given !== null) {
    const pairs = Symbol.iterator in given
      ? Array.from(given as Iterable<unknown>)
      : Object.entries(given);
    if (pairs.every(isPair)) return pairs;
  }
  const what = given === null
    ? "null"
    : typeof given === "object"
    ? "a list of something other than pairs"
    : `a ${typeof given}`;
  throw fault(`its headers are ${what}: expected an object of strings`);
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2;
}

function isHeader(name: unknown, value: unknown): boolean {
  if (typeof name !== "string" || typeof value !== "string") return false;
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    return false;
  }
}

function methodOf({ method = "GET" }: RequestInit): string {
  return String(method).toUpperCase();
}

function isOneShot(body: RequestInit["body"]): boolean {
  return typeof body === "object" && body !== null &&
    ("getReader" in body || Symbol.asyncIterator in body);
}
