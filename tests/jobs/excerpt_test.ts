import { assertEquals } from "@std/assert";
import { beginningOf, endOf } from "../../jobs/excerpt.ts";

Deno.test("a text of up to 1,000 characters is in a message as it is", () => {
  for (const text of ["", "x", "x".repeat(1_000)]) {
    assertEquals([beginningOf(text), endOf(text)], [text, text]);
  }
});

Deno.test("a longer text is cut and marked, and no character is halved", () => {
  const text = `ab${"x".repeat(997)}yz`;
  assertEquals(beginningOf(text), `${text.slice(0, 1_000)}…`);
  assertEquals(endOf(text), `…${text.slice(1)}`);
  const faces = `a${"😀".repeat(600)}a`;
  assertEquals(beginningOf(faces).isWellFormed(), true);
  assertEquals(endOf(faces).isWellFormed(), true);
});
