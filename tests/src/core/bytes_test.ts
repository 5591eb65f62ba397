import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { copyBytes, equalBytes, NO_BYTES } from "../../../src/core/bytes.ts";

Deno.test("a copy of bytes shares no memory with them", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const copy = copyBytes(bytes);
  bytes[0] = 9;
  assertEquals([...copy], [1, 2, 3]);
});

Deno.test("a copy of a Buffer, or of a part of one, is plain bytes of its own", () => {
  const buffer = Buffer.from("abcdef");
  const copy = copyBytes(buffer.subarray(2, 4));
  buffer.fill(0);
  assertEquals(copy.constructor, Uint8Array);
  assertEquals([...copy], [99, 100]);
  assertEquals(copy.buffer.byteLength, 2);
});

Deno.test("all copies of no bytes are one object", () => {
  assertEquals(copyBytes(new Uint8Array(0)) === NO_BYTES, true);
  assertEquals(copyBytes(Buffer.alloc(0)) === NO_BYTES, true);
  assertEquals(NO_BYTES.length, 0);
});

Deno.test("bytes are equal if each of them is", () => {
  const bytes = (...values: number[]) => new Uint8Array(values);
  const same = bytes(1, 2);
  assertEquals(equalBytes(same, same), true);
  assertEquals(equalBytes(bytes(1, 2), bytes(1, 2)), true);
  assertEquals(equalBytes(bytes(), NO_BYTES), true);
  assertEquals(equalBytes(bytes(1, 2), bytes(1, 3)), false);
  assertEquals(equalBytes(bytes(1, 2), bytes(2, 2)), false);
  assertEquals(equalBytes(bytes(1, 2), bytes(1)), false);
  assertEquals(equalBytes(bytes(1), bytes(1, 2)), false);
});
