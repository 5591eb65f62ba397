/** Work that yields where other work of the process may go first. */
export type Steps<T> = Generator<void, T, void>;

/** Work that takes no time to speak of. */
// deno-lint-ignore require-yield
export function* inOneStep<T>(work: () => T): Steps<T> {
  return work();
}

/** How many rows are worked on before other work may go first. */
export const ROWS_PER_STEP = 100;
