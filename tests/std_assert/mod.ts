/**
 * Stands in for `jsr:@std/assert` where JSR cannot be reached: the functions
 * that the tests use, with the same names and signatures, on `node:assert`.
 */
import nodeAssert from "node:assert";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** What a failed assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Fails if `expr` is not truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg || "Expected a truthy value");
}

/** Fails if `expr` is not falsy. */
export function assertFalse(expr: unknown, msg = ""): void {
  assert(!expr, msg || "Expected a falsy value");
}

/** Fails if the two are not deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  check(() => nodeAssert.deepStrictEqual(actual, expected), msg);
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  check(() => nodeAssert.notDeepStrictEqual(actual, expected), msg);
}

/** Fails if the two are not the same value. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  check(() => nodeAssert.strictEqual(actual, expected), msg);
}

/** Fails if the two are the same value. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(() => nodeAssert.notStrictEqual(actual, expected), msg);
}

/** Fails if the two numbers differ by more than `tolerance`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance: number = Math.max(Math.abs(expected) * 1e-7, Number.EPSILON),
  msg?: string,
): void {
  assert(
    Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance,
    msg ?? `Expected ${actual} to be within ${tolerance} of ${expected}`,
  );
}

/** Fails if `actual` is null or undefined. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  assert(actual != null, msg ?? `Expected a value, got ${actual}`);
}

/** Fails if `actual` is no instance of `expectedType`. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: abstract new (...args: never[]) => T,
  msg?: string,
): asserts actual is T {
  assert(
    actual instanceof expectedType,
    msg ?? `Expected a ${expectedType.name}, got ${actual}`,
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
      `Expected ${JSON.stringify(actual)} to include ${
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
  check(() => nodeAssert.match(actual, expected), msg);
}

/** Fails if `actual` is not greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assert(actual > expected, msg ?? `Expected ${actual} > ${expected}`);
}

/** Fails if `actual` is less than `expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  assert(actual >= expected, msg ?? `Expected ${actual} >= ${expected}`);
}

/** Fails if `actual` is not less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assert(actual < expected, msg ?? `Expected ${actual} < ${expected}`);
}

/** Fails if `actual` is greater than `expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  assert(actual <= expected, msg ?? `Expected ${actual} <= ${expected}`);
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
        `Expected ${JSON.stringify(actual)} to include ${JSON.stringify(item)}`,
    );
  }
}

/** Fails if `actual` lacks a property of `expected`, at any depth. */
export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(pick(actual, expected), expected, msg);
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
  throw new AssertionError(msg ?? "Expected the function to throw");
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
    throw new AssertionError(
      `Expected a rejection, but it threw at once: ${error}`,
    );
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError(msg ?? "Expected a rejection");
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed${msg ? `: ${msg}` : ""}`);
}

/** Fails always: for code that must not be reached. */
export function unreachable(msg?: string): never {
  throw new AssertionError(msg ?? "reached the unreachable");
}

/** Runs an assertion of Node and throws what it throws as an error of ours. */
function check(assertion: () => void, msg: string | undefined): void {
  try {
    assertion();
  } catch (error) {
    const { message } = error as Error;
    throw new AssertionError(
      msg === undefined ? message : `${message}\n${msg}`,
    );
  }
}

/** The part of `actual` that `expected` speaks of. */
function pick(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
): Record<PropertyKey, unknown> {
  const keys = Reflect.ownKeys(expected).filter((key) => key in actual);
  return Object.fromEntries(keys.map((key) => {
    const [a, b] = [actual[key], expected[key]];
    return [key, isPlainObject(a) && isPlainObject(b) ? pick(a, b) : a];
  }));
}

function isPlainObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
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
    msg ?? `Expected a ${classOrMsg.name}, got ${error}`,
  );
  if (msgIncludes !== undefined) {
    assertStringIncludes(error.message, msgIncludes, msg);
  }
  return error;
}
