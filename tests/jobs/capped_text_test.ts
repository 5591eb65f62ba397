import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { CappedText, checkMaxBytes } from "../../jobs/capped_text.ts";

const encoder = new TextEncoder();

/** What is kept of a text that comes in chunks of `size` bytes. */
function capped(text: string | Uint8Array, maxBytes: number, size = 1): string {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const kept = new CappedText(maxBytes);
  for (let at = 0; at < bytes.length; at += size) {
    kept.add(bytes.subarray(at, at + size));
  }
  return kept.toString();
}

Deno.test("what fits is kept as it is, however it is divided", () => {
  const text = "a€😀\n\0é";
  for (const size of [1, 2, 3, 5, 100]) {
    assertEquals(capped(text, 13, size), text);
    assertEquals(capped(text, Infinity, size), text);
  }
  assertEquals(capped("", 0), "");
});

Deno.test("what does not fit is cut between characters, and marked", () => {
  const kept = ["", "a", "a", "a", "a€", "a€", "a€", "a€"];
  for (const [maxBytes, text] of kept.entries()) {
    for (const size of [1, 3, 100]) {
      assertEquals(
        capped("a€😀", maxBytes, size),
        `${text}… (cut after ${maxBytes} bytes)`,
      );
    }
  }
  assertEquals(capped("a€😀", 8), "a€😀");
});

Deno.test("bytes that are not UTF-8 become U+FFFD", () => {
  assertEquals(capped(new Uint8Array([0x61, 0xff, 0x62]), 9), "a\uFFFDb");
  assertEquals(capped(new Uint8Array([0x61, 0xe2, 0x82]), 9), "a\uFFFD");
  const cut = capped(new Uint8Array([0xff, 0xff, 0xff]), 2);
  assertEquals(cut, "\uFFFD\uFFFD… (cut after 2 bytes)");
});

Deno.test("adding says whether all fits", () => {
  const text = new CappedText(3);
  assertEquals(text.add(encoder.encode("ab")), true);
  assertEquals(text.add(encoder.encode("c")), true);
  assertEquals(text.add(encoder.encode("")), true);
  assertEquals(text.add(encoder.encode("d")), false);
  assertEquals(text.add(encoder.encode("")), false);
});

Deno.test("chunks may be used again, and the text may be read again", () => {
  for (const chunk of [encoder.encode("abc"), Buffer.from("abc")]) {
    const text = new CappedText(10);
    text.add(chunk);
    chunk.fill(0);
    text.add(new Uint8Array([0xe2]));
    assertEquals(text.toString(), "abc\uFFFD");
    assertEquals(text.toString(), "abc\uFFFD");
  }
});

Deno.test("a number of bytes is a whole number from 0 on, or Infinity", () => {
  for (const good of [0, 1, 65_536, Infinity]) checkMaxBytes("max", good);
  for (const bad of [-1, 0.5, NaN, -Infinity, "1", null, undefined, 2n]) {
    assertThrows(() => checkMaxBytes("max", bad), RangeError, "max");
  }
});
