/**
 * Stands in for `jsr:@std/assert` where JSR cannot be reached: the functions
 * that the tests use, with the same names and signatures, on `node:assert`.
 */
import nodeAssert, { AssertionError } from "node:assert";

export { AssertionError };

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Fails if `expr` is not truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError({ message: msg || "expected truthy" });
}

/** Fails if `expr` is not falsy. */
export function assertFalse(expr: unknown, msg = ""): void {
  assert(!expr, msg || "expected falsy");
}

/** Fails if the two are not deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg);
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, msg);
}

/** Fails if the two are not the same value. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, msg);
}

/** Fails if `actual` is null or undefined. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  assert(actual != null, msg ?? `expected a value, got ${actual}`);
}

/** Fails if `actual` is no instance of `expectedType`. */
// deno-lint-ignore no-explicit-any
export function assertInstanceOf<
  T extends abstract new (...args: any[]) => any,
>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T> {
  assert(
    actual instanceof expectedType,
    msg ?? `expected a ${expectedType.name}, got ${actual}`,
  );
}

/** Fails if `actual` does not include `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  assert(
    actual.includes(expected),
    msg ??
      `expected ${JSON.stringify(actual)} to include ${
        JSON.stringify(expected)
      }`,
  );
}

/** Fails if `actual` does not match `expected`. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  nodeAssert.match(actual, expected, msg);
}

/** Fails if `actual` is not greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assert(actual > expected, msg ?? `expected ${actual} > ${expected}`);
}

/** Fails if `actual` is less than `expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  assert(actual >= expected, msg ?? `expected ${actual} >= ${expected}`);
}

/** Fails if `actual` is not less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assert(actual < expected, msg ?? `expected ${actual} < ${expected}`);
}

/** Fails if `actual` is greater than `expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  assert(actual <= expected, msg ?? `expected ${actual} <= ${expected}`);
}

/** Fails if the array `actual` lacks one of `expected`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  for (const item of Array.from(expected)) {
    assert(
      Array.from(actual).some((a) => isDeepEqual(a, item)),
      msg ??
        `expected ${JSON.stringify(actual)} to include ${JSON.stringify(item)}`,
    );
  }
}

/** Fails if `actual` lacks one of the properties of `expected`. */
export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  for (const key of Reflect.ownKeys(expected)) {
    nodeAssert.deepStrictEqual(actual[key], expected[key], msg);
  }
}

/** Fails if `fn` does not throw; returns what it throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails if `fn` does not throw an `ErrorClass` with `msgIncludes` in it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    return checkError(error, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError({
    message: msg ?? "expected the function to throw",
  });
}

/** Fails if `fn` does not reject; returns what it rejects with. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Fails if `fn` does not reject with an `ErrorClass` with `msgIncludes` in it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    throw new AssertionError({
      message: `expected a rejection, but it threw at once: ${error}`,
    });
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError({ message: msg ?? "expected a rejection" });
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError({ message: `Failed${msg ? `: ${msg}` : ""}` });
}

/** Fails always: for code that must not be reached. */
export function unreachable(msg?: string): never {
  throw new AssertionError({ message: msg ?? "reached the unreachable" });
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  try {
    nodeAssert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

function checkError<E extends Error>(
  error: unknown,
  classOrMsg: ErrorClass<E> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): unknown {
  if (typeof classOrMsg !== "function") return error;
  assert(
    error instanceof classOrMsg,
    msg ?? `expected a ${classOrMsg.name}, got ${error}`,
  );
  if (msgIncludes !== undefined) {
    assertStringIncludes(error.message, msgIncludes, msg);
  }
  return error;
}
