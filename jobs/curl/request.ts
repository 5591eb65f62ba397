import { reasonText } from "../../src/core/text.ts";

/** A request that can be sent again and again. */
export interface RepeatableRequest {
  readonly url: string;
  readonly method: string;
  readonly init: RequestInit;
}

/**
 * Makes a request out of what the user gave.
 *
 * @throws {TypeError} If `fetch` would refuse it, or would on its second run.
 */
export function repeatableRequest(
  kind: string,
  url: string | URL,
  given: RequestInit,
): RepeatableRequest {
  const href = checkUrl(kind, url);
  const init = { ...given };
  checkInit(kind, href, init);
  init.headers = new Headers(init.headers);
  return { url: href, method: methodOf(init), init };
}

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
function checkInit(kind: string, url: string, init: RequestInit): void {
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
    throw fault(reasonText(cause), cause);
  }
}

function methodOf({ method = "GET" }: RequestInit): string {
  return method.toUpperCase();
}

function isOneShot(body: RequestInit["body"]): boolean {
  return typeof body === "object" && body !== null &&
    ("getReader" in body || Symbol.asyncIterator in body);
}
