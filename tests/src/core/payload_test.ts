import { Buffer } from "node:buffer";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PayloadError } from "../../../src/api/errors.ts";
import { encodePayload } from "../../../src/core/payload.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

Deno.test("payloads are bytes, or else JSON", () => {
  const text = (payload: Any) =>
    new TextDecoder().decode(encodePayload("a", payload, Infinity));
  assertEquals(text("Grüße"), '"Grüße"');
  assertEquals(text(""), '""');
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
      'Cannot schedule "a", for its payload is not JSON (',
    );
    assertInstanceOf(error.cause, TypeError);
  }
  for (const payload of [() => 1, Symbol("s")]) {
    assertThrows(
      () => encodePayload("a", payload as Any, Infinity),
      PayloadError,
      "): expected a Uint8Array or a JSON value",
    );
  }
});

Deno.test("payloads beyond the limit of the store are a PayloadError", () => {
  assertEquals(encodePayload("a", "ü", 4).length, 4);
  assertThrows(
    () => encodePayload("a", "üx", 4),
    PayloadError,
    'Cannot schedule "a" with a payload of 5 bytes: expected at most 4',
  );
  assertThrows(() => encodePayload("a", new Uint8Array(3), 2), PayloadError);
  assertThrows(() => encodePayload("a", [1], 2), PayloadError);
});

Deno.test("bytes are copied: the caller may use theirs again", () => {
  const bytes = new Uint8Array([1]);
  const encoded = encodePayload("a", bytes, 2);
  bytes[0] = 2;
  assertEquals([...encoded], [1]);
});
