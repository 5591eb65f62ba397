import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { type HeapItem, MemoryHeap } from "../../../stores/memory/heap.ts";

interface Item extends HeapItem {
  readonly name: string;
}

function item(order: number, name = `${order}`): Item {
  return { order, name, position: -1 };
}

function drain(heap: MemoryHeap<Item>): string[] {
  const names: string[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    names.push(first.name);
    heap.remove(first);
  }
  return names;
}

Deno.test("an empty heap has no first item", () => {
  const heap = new MemoryHeap<Item>();
  assertEquals([heap.first, heap.firstKey], [undefined, Infinity]);
});

Deno.test("a heap orders by key, then by order", () => {
  const heap = new MemoryHeap<Item>();
  heap.add(item(2, "c"), 5);
  heap.add(item(1, "b"), 5);
  heap.add(item(3, "a"), 1);
  heap.add(item(0, "d"), 9);
  assertEquals([heap.first?.name, heap.firstKey], ["a", 1]);
  assertEquals(drain(heap), ["a", "b", "c", "d"]);
  assertEquals([heap.first, heap.firstKey], [undefined, Infinity]);
});

Deno.test("an item that was removed is in no heap, and can be added again", () => {
  const heap = new MemoryHeap<Item>();
  const items = [item(0), item(1), item(2)];
  items.forEach((item, index) => heap.add(item, index));
  heap.remove(items[0]);
  assertEquals([items[0].position, heap.firstKey], [-1, 1]);
  heap.add(items[0], 1.5);
  heap.move(items[2], 0);
  assertEquals(drain(heap), ["2", "1", "0"]);
});

Deno.test("a heap agrees with a sorted list, whatever is done to it", () => {
  const step = fc.record({
    action: fc.constantFrom("add", "add", "add", "move", "remove"),
    pick: fc.nat(),
    key: fc.oneof(
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(-Infinity, Infinity, 0.5),
    ),
  });
  const steps = fc.array(step, { maxLength: 200, size: "max" });
  fc.assert(fc.property(steps, (steps) => {
    const heap = new MemoryHeap<Item>();
    const model = new Map<Item, number>();
    steps.forEach(({ action, pick, key }, index) => {
      const known = [...model.keys()];
      const picked = known[pick % known.length];
      if (action === "add") {
        // Ties must be broken by order, not by the time of adding.
        const added = item((index * 7919) % 1009);
        heap.add(added, key);
        model.set(added, key);
      } else if (picked !== undefined) {
        if (action === "move") {
          heap.move(picked, key);
          model.set(picked, key);
        } else {
          heap.remove(picked);
          model.delete(picked);
        }
      }
      const lowest = Math.min(Infinity, ...model.values());
      assertEquals(heap.firstKey, lowest);
    });
    const sorted = [...model].sort(([a, aKey], [b, bKey]) =>
      aKey === bKey ? a.order - b.order : aKey - bKey
    );
    assertEquals(drain(heap), sorted.map(([item]) => item.name));
  }));
});
