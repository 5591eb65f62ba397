import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PayloadError } from "../../../src/api/errors.ts";
import { StoreTask } from "../../../src/api/task.ts";
import { Stage } from "../../helpers/stage.ts";

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
  for (const payload of ["{", "undefined"]) {
    const error = assertThrows(
      () => task(payload).json(),
      PayloadError,
      'Cannot read the payload of "a" as JSON: ',
    );
    assertInstanceOf(error.cause, SyntaxError);
  }
});

Deno.test("a task says that its payload is empty, and where one would come from", () => {
  assertThrows(
    () => task("").json(),
    PayloadError,
    'Cannot read the payload of "a" as JSON: it is empty; expected a payload in',
  );
});

Deno.test("a task has all its fields", () => {
  const { slug, kind, payload, when, version, retry, result } = task("");
  const fields = { slug, kind, payload, when, version, retry, result };
  // deno-lint-ignore no-explicit-any
  const make = (fields?: any) => () => new StoreTask(fields);
  make(fields)();
  const none = "Cannot make a StoreTask: expected an object with slug, kind, ";
  for (const value of [undefined, null, "a"]) {
    assertThrows(make(value), TypeError, none);
  }
  for (const name of Object.keys(fields)) {
    assertThrows(
      make({ ...fields, [name]: undefined }),
      TypeError,
      `Cannot make a StoreTask: expected ${name} to be a `,
    );
  }
});

Deno.test("a payload that was given as a string reads the same as text and as JSON", async () => {
  for (const payload of ["Hello", "5", '"quoted"', "", "null", '{"a":1}']) {
    await using stage = new Stage();
    const seen: string[] = [];
    stage.scheduler.registerJob(
      "read",
      (task) => void seen.push(task.text(), task.json<string>()),
    );
    await stage.scheduler.start();
    await stage.scheduler.scheduleJob("a", "read", { payload });
    await stage.clock.step(10);
    assertEquals(seen, [payload, payload]);
  }
});

Deno.test("bytes that only look like a JSON string are text as they are, others are the string", () => {
  assertEquals(task('"half').text(), '"half');
  assertEquals(task('"a" "b"').text(), '"a" "b"');
  assertEquals(task('"whole"').text(), "whole");
});

Deno.test("a task takes a new payload as JSON", () => {
  const changed = task("old");
  changed.setJson({ step: 2 });
  assertEquals(changed.json(), { step: 2 });
  changed.setJson("done");
  assertEquals(changed.text(), "done");
});

Deno.test("a task refuses a new payload that is not JSON, and keeps the old", () => {
  const kept = task("old");
  // deno-lint-ignore no-explicit-any
  const setJson = (value: any) => () => kept.setJson(value);
  assertThrows(
    setJson(5n),
    PayloadError,
    'Cannot set the payload of "a", for it is not JSON (',
  );
  assertThrows(
    setJson(undefined),
    PayloadError,
    "(it is of type undefined): expected a JSON value",
  );
  assertEquals(kept.text(), "old");
});
