/** Shorter parts of a path are no secrets. */
const MIN_SECRET = 16;
/** Shorter values are left alone in what is said besides the URL. */
const MIN_ECHO = 6;

/** Words and numbers, such as `quarterly-report_2026.html`. */
const WORDS =
  /^(?:[A-Za-z][a-z]{0,14}|\d{1,8})(?:[-_.+~](?:[A-Za-z][a-z]{0,14}|\d{1,8}))*$/;

/**
 * A URL as logs may show it. Replaced by `…` are user and password, the values of
 * the query, the fragment, and parts of the path that look like secrets: 16
 * characters or more that are not words.
 */
export function redactUrl(url: string): string {
  const { href } = URL.parse(url) ?? {};
  const parts = href === undefined ? null : HTTP_URL.exec(href);
  if (parts === null) return redactText(url);
  const [, scheme, user, host, path, query = "", fragment] = parts;
  return scheme + (user === undefined ? "" : "…@") + host + redactPath(path) +
    redactQuery(query) + (fragment === undefined ? "" : "#…");
}

const HTTP_URL = /^(https?:\/\/)([^/?#]*@)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/;

/** What is no URL of this kind may have a password anywhere before an `@`. */
function redactText(text: string): string {
  const [path, rest] = splitAt(text, /[?#]/);
  const at = text.lastIndexOf("@");
  if (at >= path.length) return "…";
  return redactPath(at < 0 ? path : `…${path.slice(at)}`) +
    (rest === "" ? "" : `${rest[0]}…`);
}

function redactPath(path: string): string {
  return path.split("/")
    .map((part) => looksSecret(part) ? "…" : part)
    .join("/");
}

function looksSecret(part: string): boolean {
  return part.length >= MIN_SECRET && !WORDS.test(part);
}

function redactQuery(query: string): string {
  return query.replace(/[^?&]+/g, (pair) => {
    const [name, value] = splitAt(pair, /=/);
    if (value === "") return looksSecret(name) ? "…" : name;
    return `${looksSecret(name) ? "…" : name}=${value === "=" ? "" : "…"}`;
  });
}

/** The parts before and from the first match on. */
function splitAt(text: string, separator: RegExp): [string, string] {
  const at = text.search(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

/**
 * Makes a function that redacts messages about a request: each URL in them, and
 * what was secret in the URL of the request, wherever it is repeated.
 */
export function redactorFor(url: string): (text: string) => string {
  const secrets = secretsOf(new URL(url));
  return (text) => {
    const redacted = text.replace(
      /\bhttps?:\/\/[^\s"'<>`]*[^\s"'<>`).,:;]/gi,
      (url) => {
        const redacted = redactUrl(url);
        return redacted === URL.parse(url)?.href ? url : redacted;
      },
    );
    return secrets.reduce(
      (text, secret) => text.replaceAll(secret, "…"),
      redacted,
    );
  };
}

/** The secrets in a URL, as they stand there and decoded, the longest first. */
function secretsOf({ pathname, search, searchParams, hash }: URL): string[] {
  const values = search.slice(1).split("&")
    .map((pair) => splitAt(pair, /=/)[1].slice(1));
  const secrets = [
    ...pathname.split("/").filter(looksSecret),
    ...values,
    ...searchParams.values(),
    hash.slice(1),
  ];
  return [...new Set(secrets.flatMap((secret) => [secret, decoded(secret)]))]
    .filter((secret) => secret.length >= MIN_ECHO)
    .sort((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
