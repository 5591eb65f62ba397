import { assertEquals } from "@std/assert";
import type { StoreChange } from "../../../src/api/job_store.ts";
import { GatheredChange, Watchers } from "../../../src/core/watchers.ts";

const change: StoreChange = { when: undefined, kinds: ["a"] };

Deno.test("a watcher that throws keeps nobody else from hearing", () => {
  const watchers = new Watchers();
  const heard: StoreChange[] = [];
  watchers.add(() => {
    throw new Error("broken");
  });
  watchers.add((change) => heard.push(change));
  watchers.tell(change);
  assertEquals(heard, [change]);
});

Deno.test("a watcher hears until it ends, and each of two that are the same", () => {
  const watchers = new Watchers();
  let heard = 0;
  const onChange = () => heard++;
  const ends = [watchers.add(onChange), watchers.add(onChange)];
  watchers.tell(change);
  assertEquals([heard, watchers.size], [2, 2]);
  assertEquals([ends[0](), ends[0]()], [true, false]);
  watchers.tell(change);
  assertEquals(heard, 3);
});

Deno.test("what was gathered has the soonest instant and each kind once", () => {
  const gathered = new GatheredChange();
  assertEquals(gathered.change, undefined);
  gathered.add("a", 5);
  gathered.add("b", 3);
  gathered.add("a", 9);
  assertEquals(gathered.change, { when: new Date(3), kinds: ["a", "b"] });
});
