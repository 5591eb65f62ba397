import { assertEquals } from "@std/assert";
import { KindTurns } from "../../../src/runtime/kind_turns.ts";

const KINDS = ["a", "b", "c", "d"];

function names(order: readonly { kind: string }[]): string {
  return order.map(({ kind }) => kind).join("");
}

Deno.test("each kind is first one day, however small the limit is", () => {
  const turns = new KindTurns();
  const first: string[] = [];
  for (let round = 0; round < 8; round++) {
    const order = turns.order(KINDS);
    first.push(order[0].kind);
    turns.served(order, [{ kind: order[0].kind }]);
  }
  assertEquals(first.join(""), "abcdabcd");
});

Deno.test("the order begins after the kind that was served last in its turn", () => {
  const turns = new KindTurns();
  const order = turns.order(KINDS);
  assertEquals(names(order), "abcd");
  turns.served(order, [{ kind: "b" }, { kind: "a" }, { kind: "b" }]);
  assertEquals(names(turns.order(KINDS)), "cdab");
});

Deno.test("a claim that finds nothing changes no turn", () => {
  const turns = new KindTurns();
  const order = turns.order(KINDS);
  turns.served(order, [{ kind: "a" }]);
  turns.served(turns.order(KINDS), []);
  assertEquals(names(turns.order(KINDS)), "bcda");
});

Deno.test("kinds may come later", () => {
  const turns = new KindTurns();
  turns.served(turns.order(["a", "b"]), [{ kind: "b" }]);
  assertEquals(names(turns.order(KINDS)), "cdab");
});
