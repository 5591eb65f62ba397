import { copyBytes } from "../src/core/bytes.ts";
import { printable } from "../src/core/text.ts";

/** Throws if an option in bytes is not a whole number, 0 or more, or Infinity. */
export function checkMaxBytes(name: string, value: unknown): void {
  const isWhole = Number.isSafeInteger(value) || value === Infinity;
  if (!isWhole || (value as number) < 0) {
    throw new RangeError(
      `Cannot use ${name} ${printable(value)}: expected a whole number of ` +
        `bytes, 0 or more, or Infinity, got ${printable(value)}`,
    );
  }
}

/** Gathers the bytes of a text, up to a limit. */
export class CappedText {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #isCut = false;

  /** Gathers up to `maxBytes` bytes. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds bytes; what does not fit is cut off. Returns whether all of it fit. */
  add(chunk: Uint8Array): boolean {
    const fitting = chunk.subarray(0, this.#maxBytes - this.#length);
    this.#isCut ||= fitting.length < chunk.length;
    // A copy: the owner of the chunk may reuse its memory.
    if (fitting.length > 0) this.#chunks.push(copyBytes(fitting));
    this.#length += fitting.length;
    return !this.#isCut;
  }

  /** The text, with U+FFFD where it is not UTF-8, and a mark where it was cut. */
  toString(): string {
    const decoder = new TextDecoder();
    const text = this.#chunks
      .map((chunk) => decoder.decode(chunk, { stream: true }))
      .join("");
    return this.#isCut
      ? `${text}… (cut after ${this.#maxBytes} bytes)`
      : text + decoder.decode();
  }
}
