import { assertEquals, assertThrows } from "@std/assert";
import { checkOptions } from "../../../src/core/options.ts";

const known = ["allow", "timeoutMs", "maxOutputBytes", "env", "inheritEnv"];
const expected = known.map((name) => `"${name}"`).join(", ");

function faultOf(options: unknown): string {
  const check = () => checkOptions('make job "x"', options, known);
  return (assertThrows(check, TypeError) as Error).message;
}

Deno.test("options that exist are fine, also if they are undefined", () => {
  checkOptions("do it", undefined, known);
  checkOptions("do it", {}, known);
  checkOptions("do it", { allow: [], timeoutMs: undefined }, known);
  checkOptions("do it", {}, []);
});

Deno.test("an option that does not exist is an error that lists those that do", () => {
  assertEquals(
    faultOf({ allow: [], colour: "red" }),
    `Cannot make job "x" with the option "colour": expected one of ${expected}`,
  );
  assertEquals(
    faultOf({ colour: undefined }),
    `Cannot make job "x" with the option "colour": expected one of ${expected}`,
  );
  assertThrows(
    () => checkOptions("stop", { now: true }, []),
    TypeError,
    'Cannot stop with the option "now": expected none',
  );
});

Deno.test("the option that probably was meant is named", () => {
  const meant = {
    timeout: "timeoutMs",
    timeoutMS: "timeoutMs",
    timeOutMs: "timeoutMs",
    timoutMs: "timeoutMs",
    maxOutput: "maxOutputBytes",
    maxOutputBits: "maxOutputBytes",
    allowed: "allow",
    allowList: "allow",
    timeoutMsec: "timeoutMs",
    inheritenv: "inheritEnv",
    en: "env",
    e: undefined,
    cwd: undefined,
    command: undefined,
    ["t".repeat(1_000_000)]: undefined,
  };
  for (const [name, near] of Object.entries(meant)) {
    const [, said] = /perhaps "(\w+)" was meant/.exec(faultOf({ [name]: 1 })) ??
      [];
    assertEquals(said, near, name.slice(0, 20));
  }
});

Deno.test("options that are no object are an error", () => {
  for (const options of [null, 5, "timeoutMs", [], ["a"], () => {}]) {
    assertEquals(faultOf(options).endsWith(": expected an object"), true);
  }
});

Deno.test("options may be inherited, and are checked all the same", () => {
  checkOptions("do it", Object.create({ allow: [] }), known);
  checkOptions("do it", Object.create(null), known);
  const misspelt = Object.create({ timeout: 5 }, {});
  assertEquals(
    faultOf(misspelt),
    'Cannot make job "x" with the option "timeout": perhaps "timeoutMs" was ' +
      `meant; expected one of ${expected}`,
  );
});

Deno.test("an object of a class is not taken for options", () => {
  class Clock {
    now(): number {
      return 0;
    }
  }
  class Stepped extends Clock {}
  class Settings {
    get timeoutMs(): number {
      return 5;
    }
  }
  assertEquals(
    faultOf(new Stepped()),
    `Cannot make job "x" with a Stepped as its options: expected an object ` +
      `with ${expected}`,
  );
  checkOptions("do it", new Settings(), known);
});
