import { assertEquals, assertThrows } from "@std/assert";
import { checkOptions } from "../../../src/core/options.ts";

const known = ["delayMs", "when", "timeZone", "onConflict"];

Deno.test("options that exist are fine, also undefined ones", () => {
  checkOptions("schedule", {}, known);
  checkOptions("schedule", { delayMs: undefined, when: 1 }, known);
});

Deno.test("an option that does not exist is a TypeError that names the one that was meant", () => {
  const meant: [string, string][] = [
    ["delay", "delayMs"],
    ["timezone", "timeZone"],
    ["delayMS", "delayMs"],
    ["onconflict", "onConflict"],
    ["wen", "when"],
  ];
  for (const [name, right] of meant) {
    const { message } = assertThrows(
      () => checkOptions("schedule", { [name]: 1 }, known),
      TypeError,
    );
    assertEquals(
      message,
      `Cannot schedule with the option "${name}": expected "${right}", ` +
        "or another option that exists",
    );
  }
});

Deno.test("an option like no other is answered with all that exist", () => {
  assertThrows(
    () => checkOptions("schedule", { color: "red" }, known),
    TypeError,
    'the option "color": expected one of "delayMs", "when", "timeZone", "onConflict"',
  );
});

Deno.test("options that are no object are a TypeError", () => {
  for (const options of [null, 5, "x"]) {
    assertThrows(() => checkOptions("schedule", options, known), TypeError);
  }
});
