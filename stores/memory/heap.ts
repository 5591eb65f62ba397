/** What a {@linkcode MemoryHeap} orders. */
export interface HeapItem {
  /** Breaks ties: the lower goes first. */
  readonly order: number;
  /** Where the item stands in its heap; −1: in none. Kept by the heap. */
  position: number;
}

/** Children per node: four keep the tree flat and lie side by side in memory. */
const ARITY = 4;

/**
 * A priority queue in which items can be moved and removed, in O(log n) each.
 * The keys have an array of their own: comparing them touches no item.
 */
export class MemoryHeap<Item extends HeapItem> {
  readonly #keys: number[] = [];
  readonly #items: Item[] = [];

  /** The key of the first item; `Infinity` if there is none. */
  get firstKey(): number {
    return this.#keys.length === 0 ? Infinity : this.#keys[0];
  }

  /** The item with the lowest key. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  /** Adds an item that is in no heap. */
  add(item: Item, key: number): void {
    this.#keys.push(key);
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item, key);
  }

  /** Changes the key of an item. */
  move(item: Item, key: number): void {
    const position = item.position;
    const before = this.#keys[position];
    if (key < before) this.#rise(position, item, key);
    else this.#sink(position, item, key);
  }

  /** Takes an item out. */
  remove(item: Item): void {
    const position = item.position;
    const key = this.#keys.pop()!;
    const last = this.#items.pop()!;
    item.position = -1;
    if (last === item) return;
    this.#rise(position, last, key);
    this.#sink(last.position, last, key);
  }

  #rise(position: number, item: Item, key: number): void {
    while (position > 0) {
      const parent = (position - 1) >> 2;
      if (!this.#precedes(key, item, parent)) break;
      this.#put(position, this.#items[parent], this.#keys[parent]);
      position = parent;
    }
    this.#put(position, item, key);
  }

  #sink(position: number, item: Item, key: number): void {
    for (;;) {
      const child = this.#firstChild(position);
      if (child < 0 || this.#precedes(key, item, child)) break;
      this.#put(position, this.#items[child], this.#keys[child]);
      position = child;
    }
    this.#put(position, item, key);
  }

  /** The child that goes first; −1 if there is none. */
  #firstChild(position: number): number {
    const from = position * ARITY + 1;
    const to = Math.min(from + ARITY, this.#items.length);
    if (from >= to) return -1;
    let first = from;
    for (let child = from + 1; child < to; child++) {
      if (this.#precedes(this.#keys[child], this.#items[child], first)) {
        first = child;
      }
    }
    return first;
  }

  #precedes(key: number, item: Item, position: number): boolean {
    const other = this.#keys[position];
    return key < other ||
      (key === other && item.order < this.#items[position].order);
  }

  #put(position: number, item: Item, key: number): void {
    this.#keys[position] = key;
    this.#items[position] = item;
    item.position = position;
  }
}
