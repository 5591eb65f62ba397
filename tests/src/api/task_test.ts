import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PayloadError } from "../../../src/api/errors.ts";
import { StoreTask } from "../../../src/api/task.ts";

function task(payload: Uint8Array | string, retry = 0): StoreTask {
  return new StoreTask({
    slug: "a",
    kind: "work",
    payload: typeof payload === "string"
      ? new TextEncoder().encode(payload)
      : payload,
    when: new Date(0),
    version: 1,
    retry,
    result: "",
  });
}

Deno.test("a task is OK until a run fails", () => {
  assertEquals([task("").isOK(), task("", 1).isOK()], [true, false]);
});

Deno.test("a task reads its payload as text", () => {
  assertEquals(task("Grüße 🎉").text(), "Grüße 🎉");
  assertEquals(task("").text(), "");
});

Deno.test("a task refuses to read bytes that are not UTF-8 as text", () => {
  const error = assertThrows(
    () => task(new Uint8Array([0xff, 0xfe])).text(),
    PayloadError,
    'Cannot read the payload of "a" as text: it is not UTF-8',
  );
  assertInstanceOf(error.cause, TypeError);
});

Deno.test("a task reads its payload as JSON", () => {
  assertEquals(task('{"a":[1,null]}').json(), { a: [1, null] });
  assertEquals(task("0").json<number>(), 0);
});

Deno.test("a task refuses to read what is not JSON as JSON", () => {
  for (const payload of ["", "{", "undefined"]) {
    const error = assertThrows(
      () => task(payload).json(),
      PayloadError,
      'Cannot read the payload of "a" as JSON: ',
    );
    assertInstanceOf(error.cause, SyntaxError);
  }
});
