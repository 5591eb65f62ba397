import { assertEquals } from "@std/assert";
import {
  ANYTHING,
  merged,
  readMessage,
} from "../../../stores/postgres/message.ts";

const LOOK = { origin: null, change: ANYTHING, againMs: undefined };

Deno.test("a message says who changed what, and when it is due", () => {
  assertEquals(
    readMessage('{"o":"me","again":10,"w":1700000000000,"k":["a","b"]}'),
    {
      origin: "me",
      change: { when: new Date(1_700_000_000_000), kinds: ["a", "b"] },
      againMs: 10,
    },
  );
  assertEquals(readMessage('{"o":null,"w":null,"k":null}'), LOOK);
});

Deno.test("whatever else is sent means: look", () => {
  const odd = [
    ...["", "null", "[]", "1", '"a"', "{", "{}", "x".repeat(8_000)],
    ...['{"k":1}', '{"k":[1]}', '{"k":{}}', '{"w":"x"}', '{"w":1e99}'],
    ...['{"o":1}', '{"again":"x"}', '{"again":1e99}', '{"again":-1}'],
    '{"o":"me","k":["a"],"w":{}}',
  ];
  for (const text of odd) assertEquals(readMessage(text), LOOK, text);
});

Deno.test("changes are merged to one that covers both", () => {
  const soon = { when: new Date(1_000), kinds: ["a"] };
  const late = { when: new Date(2_000), kinds: ["b", "a"] };
  assertEquals(merged(late, soon), { when: soon.when, kinds: ["b", "a"] });
  assertEquals(merged(soon, { when: undefined, kinds: ["c"] }), {
    when: undefined,
    kinds: ["a", "c"],
  });
  assertEquals(merged(soon, ANYTHING), ANYTHING);
  const kinds = Array.from({ length: 200 }, (_, index) => `kind-${index}`);
  assertEquals(merged(soon, { ...late, kinds }).kinds, undefined);
});
