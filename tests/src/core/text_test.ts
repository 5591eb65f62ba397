import { assertEquals } from "@std/assert";
import {
  errorText,
  printable,
  reasonText,
  storableText,
} from "../../../src/core/text.ts";

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

Deno.test("reasonText says what is behind an error, and nothing twice", () => {
  const inner = new Error("refused");
  const outer = new Error("no answer", { cause: inner });
  const both = new AggregateError([inner, outer, new Error("lost")], "all");
  const bare = new AggregateError([new Error("::1"), new Error("127.0.0.1")]);
  const texts: [unknown, string][] = [
    [inner, "refused"],
    [outer, "no answer: refused"],
    [new Error("a", { cause: outer }), "a: no answer: refused"],
    [new Error("it was refused", { cause: inner }), "it was refused"],
    [both, "all: refused, no answer, lost"],
    [
      new Error("fetch failed", { cause: bare }),
      "fetch failed: ::1, 127.0.0.1",
    ],
    [bare, "::1, 127.0.0.1"],
    [new AggregateError([]), "AggregateError"],
    [new AggregateError([], "", { cause: inner }), "refused"],
    [new Error("a", { cause: "text" }), "a: text"],
    [new Error("a", { cause: { code: 5 } }), "a"],
    [new Error("a", { cause: null }), "a"],
    [new Error("a", { cause: new Error("") }), "a: Error"],
    ["text", "text"],
    [undefined, "undefined"],
    [Object.create(null), "an error that cannot be printed"],
  ];
  for (const [thrown, text] of texts) assertEquals(reasonText(thrown), text);
});

Deno.test("reasonText ends with cycles, long chains and long messages", () => {
  const round = new Error("round");
  round.cause = new AggregateError([round], "and", { cause: round });
  assertEquals(reasonText(round), "round: and");
  let chain = new Error("0");
  for (let n = 1; n < 1_000; n++) {
    chain = new Error(`<${n}>`, { cause: chain });
  }
  assertEquals(reasonText(chain).split(": ").length, 16);
  const many = Array.from({ length: 100_000 }, (_, n) => new Error(`<${n}>`));
  assertEquals(reasonText(new AggregateError(many)).split(", ").length, 15);
  const long = new Error("x".repeat(5_000));
  assertEquals(reasonText(long), long.message);
  assertEquals(
    reasonText(new Error("a", { cause: long })),
    `a: ${"x".repeat(1_000)}…`,
  );
});

Deno.test("reasonText survives errors that throw when they are looked at", () => {
  const thrower = () => {
    throw new Error("no");
  };
  const error = new Error("a");
  Object.defineProperty(error, "cause", { get: thrower });
  assertEquals(reasonText(error), "a");
  const group = new AggregateError([], "b");
  Object.defineProperty(group, "errors", { get: thrower });
  assertEquals(reasonText(group), "b");
  const noArray = Object.assign(new AggregateError([], "c"), { errors: 5 });
  assertEquals(reasonText(noArray), "c");
  const text = "an error that cannot be printed";
  const trap = new Proxy(new AggregateError([]), { getPrototypeOf: thrower });
  assertEquals(reasonText(trap), text);
  assertEquals(reasonText(new Error("d", { cause: trap })), `d: ${text}`);
});

Deno.test("printable shows strings quoted, dates as ISO, and never floods", () => {
  assertEquals(printable("a"), '"a"');
  assertEquals(printable("x".repeat(100)), `"${"x".repeat(60)}…"`);
  assertEquals(printable(new Date(0)), "1970-01-01T00:00:00.000Z");
  assertEquals(printable(new Date(NaN)), "an invalid Date");
  assertEquals(printable(undefined), "undefined");
  assertEquals(printable(Symbol("s")), "Symbol(s)");
  assertEquals(printable(5n), "5");
  assertEquals(printable(null), "null");
  const long = Symbol("x".repeat(100));
  assertEquals(printable(long), `Symbol(${"x".repeat(53)}…`);
});

Deno.test("printable names what it does not show", () => {
  class Pool {}
  class Anchor {}
  const names: [unknown, string][] = [
    [{ a: 1 }, "an object"],
    [Object.create(null), "an object"],
    [[], "an array"],
    [[1_000], "an array"],
    [new Pool(), "a Pool"],
    [new Anchor(), "an Anchor"],
    [Pool, "class Pool"],
    [class {}, "a class"],
    [() => "source", "a function"],
    [Promise.resolve(), "a Promise"],
    [{ constructor: { name: 5 } }, "an object"],
    [{ constructor: undefined }, "an object"],
    [{ constructor: { name: "x".repeat(100) } }, "an object"],
    [
      new Proxy({}, {
        get() {
          throw new Error("hands off");
        },
      }),
      "an object",
    ],
  ];
  for (const [value, shown] of names) assertEquals(printable(value), shown);
});
