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
  const text = String(url);
  const fault = (why: string) =>
    new TypeError(`Cannot make job "${kind}" for "${redactUrl(text)}": ${why}`);
  if (!URL.canParse(text)) {
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

type Fault = (why: string, cause?: unknown) => TypeError;

/** Copies and checks what `fetch` takes, as far as `Request` does not. */
function checkInit(given: RequestInit, fault: Fault): RequestInit {
  if (typeof given !== "object" || given === null) {
    throw fault(`its request is ${printable(given)}: expected an object`);
  }
  for (const name of ["timeoutMs", "maxBodyBytes"]) {
    if (name in given) {
      throw fault(
        `fetch has no "${name}": expected it among the options, ` +
          "the argument after the request",
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
function checkHeaders(given: RequestInit["headers"], fault: Fault): Headers {
  try {
    return new Headers(given);
  } catch {
    const pairs = Array.isArray(given) ? given : Object.entries(given ?? {});
    const [name] = pairs.find(([name, value]) => !isHeader(name, value)) ?? [];
    throw fault(
      `its header ${printable(name)} cannot be sent: expected a name of ` +
        "letters, digits and dashes, and a value of one line in Latin-1",
    );
  }
}

function isHeader(name: string, value: string): boolean {
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
