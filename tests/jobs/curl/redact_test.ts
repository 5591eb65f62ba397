import { assertEquals } from "@std/assert";
import { redactorFor, redactUrl } from "../../../jobs/curl/redact.ts";

Deno.test("what is no secret is shown", () => {
  for (
    const url of [
      "https://example.com/",
      "http://127.0.0.1:8080/ping",
      "https://example.com/api/v2/users/12345678/quarterly-report_2026.html",
      "https://example.com/.well-known/openid-configuration",
      "https://example.com/@user/notifications-of-the-week/2026-01-31",
      "https://example.com/path?",
      "https://example.com/path?flag&empty=",
    ]
  ) assertEquals(redactUrl(url), url);
});

Deno.test("user, password, query values, fragment and secrets in the path are not", () => {
  const shown: Record<string, string> = {
    "https://me:pa55@example.com/x": "https://…@example.com/x",
    "https://me@example.com": "https://…@example.com/",
    "HTTPS:\\\\me:pa55@example.com": "https://…@example.com/",
    "https://example.com/?page=2&key=a=b&flag":
      "https://example.com/?page=…&key=…&flag",
    "https://example.com/?0123456789abcdefXYZ": "https://example.com/?…",
    "https://example.com/x#access_token=1": "https://example.com/x#…",
    "https://hooks.example.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX":
      "https://hooks.example.com/services/T00000000/B00000000/…",
    "https://example.com/ping/5b0f3c1e-8f0a-4d5e-9c7b-2f1a6e4d3c2b/start":
      "https://example.com/ping/…/start",
    "https://example.com/bot123456:ABC-DEF1234ghIkl/sendMessage":
      "https://example.com/…/sendMessage",
    "https://example.com/webhooks/123456789012345678/x":
      "https://example.com/webhooks/…/x",
  };
  for (const [url, text] of Object.entries(shown)) {
    assertEquals(redactUrl(url), text);
  }
});

Deno.test("what is no URL shows nothing before an @, and no query", () => {
  const shown: Record<string, string> = {
    "": "",
    "example.com/ping": "example.com/ping",
    "me:pa55@example.com/x?key=1": "…@example.com/x?…",
    "https://me:pa/55@example.com": "…@example.com",
    "https://me:pa55@example.com:99999/x": "…/x",
    "https://me:pa?55@example.com": "…",
    "ftp://me:pa55@example.com/x": "…@example.com/x",
  };
  for (const [url, text] of Object.entries(shown)) {
    assertEquals(redactUrl(url), text);
  }
});

Deno.test("messages show no URL as it is, and no secret of the request's own", () => {
  const redact = redactorFor(
    "https://example.com/5b0f3c1e-8f0a-4d5e-9c7b?key=%C3%A9t%C3%A9+2026&id=7",
  );
  const shown: Record<string, string> = {
    "error (https://example.com/x?key=1): refused":
      "error (https://example.com/x?key=…): refused",
    'see "http://me:pa55@example.com/x".': 'see "http://…@example.com/x".',
    "Cannot GET /5b0f3c1e-8f0a-4d5e-9c7b?key=%C3%A9t%C3%A9+2026&id=7":
      "Cannot GET /…?key=…&id=7",
    "the key été 2026 is wrong": "the key … is wrong",
    "answered 577": "answered 577",
    "see https://example.com": "see https://example.com",
  };
  for (const [text, redacted] of Object.entries(shown)) {
    assertEquals(redact(text), redacted);
  }
});
