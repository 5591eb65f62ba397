import { assertEquals } from "@std/assert";
import { errorText, printable, storableText } from "../../../src/core/text.ts";

Deno.test("storableText replaces what a database cannot keep", () => {
  assertEquals(storableText("a\0b"), "a\uFFFDb");
  assertEquals(storableText("a\uD800b\uDC00"), "a\uFFFDb\uFFFD");
  assertEquals(storableText("naïve – 🎉\n"), "naïve – 🎉\n");
});

Deno.test("storableText cuts at 64 Ki, says so, and halves no character", () => {
  const longest = "x".repeat(65_536);
  assertEquals(storableText(longest), longest);
  const cut = storableText(`${longest}y`);
  assertEquals([cut.length, cut.endsWith("x… (cut)")], [65_536, true]);
  assertEquals(storableText(`x${"🎉".repeat(40_000)}`).isWellFormed(), true);
  assertEquals(storableText("🎉".repeat(40_000)).isWellFormed(), true);
});

Deno.test("errorText finds words for whatever was thrown", () => {
  const texts: [unknown, string][] = [
    [new Error("oh"), "oh"],
    [new TypeError(""), "TypeError"],
    ["text", "text"],
    ["", ""],
    [42, "42"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
    [Object.create(null), "an error that cannot be printed"],
    [
      {
        toString() {
          throw new Error("no");
        },
      },
      "an error that cannot be printed",
    ],
    [Object.assign(new Error(), { message: { code: 5 } }), "[object Object]"],
    [Object.assign(new Error(), { message: undefined }), "undefined"],
  ];
  for (const [thrown, text] of texts) assertEquals(errorText(thrown), text);
});

Deno.test("printable shows strings quoted, dates as ISO, and never floods", () => {
  assertEquals(printable("a"), '"a"');
  assertEquals(printable("x".repeat(100)), `"${"x".repeat(60)}…"`);
  assertEquals(printable(new Date(0)), "1970-01-01T00:00:00.000Z");
  assertEquals(printable(new Date(NaN)), "an invalid Date");
  assertEquals(printable(undefined), "undefined");
  assertEquals(printable(Symbol("s")), "Symbol(s)");
  assertEquals(printable(Object.create(null)), "an object");
});
