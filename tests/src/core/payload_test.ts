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

Deno.test("payloads that would come back as something else are refused, and where", () => {
  class Invoice {
    amount = 5;
  }
  const faults: [unknown, string][] = [
    [Promise.resolve(5), "it is a Promise, perhaps without an await"],
    [
      { user: Promise.resolve(5) },
      "payload.user is a Promise, perhaps without an",
    ],
    [new Map([[1, 2]]), "it is a Map"],
    [{ a: { b: [1, new Set()] } }, "payload.a.b[1] is a Set"],
    [[[new Error("x")]], "payload[0][0] is an Error"],
    [{ a: new ArrayBuffer(2) }, "payload.a is an ArrayBuffer"],
    [{ a: new Uint8Array(2) }, "payload.a is an Uint8Array"],
    [new Invoice(), "it is an Invoice"],
    [NaN, "it is NaN"],
    [{ a: [0, -Infinity] }, "payload.a[1] is -Infinity"],
    [[undefined], "payload[0] is undefined"],
    [Array(1), "payload[0] is undefined"],
    [{ f() {} }, "payload.f is a function"],
    [[Symbol("s")], "payload[0] is a symbol"],
    [{ at: new Date(NaN) }, "payload.at is an invalid Date"],
  ];
  for (const [payload, reason] of faults) {
    const error = assertThrows(
      () => encodePayload("a", payload as Any, Infinity),
      PayloadError,
      `Cannot schedule "a", for its payload is not JSON (${reason}`,
    );
    assertInstanceOf(error.cause, TypeError);
  }
});

Deno.test("payloads may leave members undefined, and say what stands for them", () => {
  const text = (payload: Any) =>
    new TextDecoder().decode(encodePayload("a", payload, Infinity));
  const at = new Date(0);
  assertEquals(text({ a: undefined, b: 1 }), '{"b":1}');
  assertEquals(text({ at }), '{"at":"1970-01-01T00:00:00.000Z"}');
  assertEquals(text(new URL("https://a.example")), '"https://a.example/"');
  assertEquals(text({ toJSON: () => 5, f() {} }), "5");
  assertEquals(text(Object.assign(Object.create(null), { a: 1 })), '{"a":1}');
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
