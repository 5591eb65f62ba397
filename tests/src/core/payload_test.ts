import { Buffer } from "node:buffer";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PayloadError } from "../../../src/api/errors.ts";
import { encodePayload } from "../../../src/core/payload.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

Deno.test("payloads are bytes, text as UTF-8, or JSON", () => {
  const text = (payload: Any) =>
    new TextDecoder().decode(encodePayload("a", payload, Infinity));
  assertEquals(text("Grüße"), "Grüße");
  assertEquals(text(""), "");
  assertEquals(text(undefined), "");
  assertEquals(text({ a: [1, "x", null] }), '{"a":[1,"x",null]}');
  assertEquals(text(null), "null");
  assertEquals(text(0), "0");
  assertEquals(text([]), "[]");
  assertEquals(text(new Uint8Array([104, 105])), "hi");
  assertEquals(text(Buffer.from("hi")), "hi");
});

Deno.test("payloads that are not JSON are a PayloadError", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const payload of [circular, 5n, { big: 5n }]) {
    const error = assertThrows(
      () => encodePayload("a", payload as Any, Infinity),
      PayloadError,
      'Cannot schedule "a": its payload is not JSON: ',
    );
    assertInstanceOf(error.cause, TypeError);
  }
  for (const payload of [() => 1, Symbol("s")]) {
    assertThrows(
      () => encodePayload("a", payload as Any, Infinity),
      PayloadError,
      "it must be a Uint8Array, a string or a JSON value",
    );
  }
});

Deno.test("payloads beyond the limit of the store are a PayloadError", () => {
  assertEquals(encodePayload("a", "ü", 2).length, 2);
  assertThrows(
    () => encodePayload("a", "üx", 2),
    PayloadError,
    'Cannot schedule "a": its payload has 3 bytes; the store takes at most 2',
  );
  assertThrows(() => encodePayload("a", new Uint8Array(3), 2), PayloadError);
  assertThrows(() => encodePayload("a", [1], 2), PayloadError);
});
