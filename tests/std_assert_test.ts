import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

// Written with bare `throw`: an assertion that lets everything pass could not
// tell on itself.

const HOLD: Record<string, () => void> = {
  assert: () => assert(1),
  assertAlmostEquals: () => assertAlmostEquals(0.1 + 0.2, 0.3),
  assertArrayIncludes: () => assertArrayIncludes([{ a: 1 }, 2], [{ a: 1 }]),
  assertEquals: () => assertEquals({ a: [new Date(0)] }, { a: [new Date(0)] }),
  assertExists: () => assertExists(0),
  assertFalse: () => assertFalse(0),
  assertGreater: () => assertGreater(2, 1),
  assertGreaterOrEqual: () => assertGreaterOrEqual(1, 1),
  assertInstanceOf: () => assertInstanceOf(new TypeError(), Error),
  assertLess: () => assertLess(1, 2),
  assertLessOrEqual: () => assertLessOrEqual(1, 1),
  assertMatch: () => assertMatch("abc", /b/),
  assertNotEquals: () => assertNotEquals({ a: 1 }, { a: 2 }),
  assertNotStrictEquals: () => assertNotStrictEquals({}, {}),
  assertObjectMatch: () =>
    assertObjectMatch({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } }),
  assertStrictEquals: () => assertStrictEquals(NaN, NaN),
  assertStringIncludes: () => assertStringIncludes("abc", "bc"),
  assertThrows: () => {
    assertThrows(
      () => {
        throw new TypeError("wrong type");
      },
      TypeError,
      "wrong",
    );
  },
};

const FAIL: Record<string, () => void> = {
  assert: () => assert(0),
  assertAlmostEquals: () => assertAlmostEquals(1, 1.1),
  assertArrayIncludes: () => assertArrayIncludes([{ a: 1 }], [{ a: 2 }]),
  assertEquals: () => assertEquals<unknown>({ a: 1 }, { a: "1" }),
  assertExists: () => assertExists(null),
  assertFalse: () => assertFalse(1),
  assertGreater: () => assertGreater(1, 1),
  assertGreaterOrEqual: () => assertGreaterOrEqual(1, 2),
  assertInstanceOf: () => assertInstanceOf(new Error(), TypeError),
  assertLess: () => assertLess(1, 1),
  assertLessOrEqual: () => assertLessOrEqual(2, 1),
  assertMatch: () => assertMatch("abc", /d/),
  assertNotEquals: () => assertNotEquals({ a: 1 }, { a: 1 }),
  assertNotStrictEquals: () => assertNotStrictEquals("a", "a"),
  assertObjectMatch: () =>
    assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } }),
  assertStrictEquals: () => assertStrictEquals<unknown>({}, {}),
  assertStringIncludes: () => assertStringIncludes("abc", "d"),
  "assertThrows, nothing thrown": () => assertThrows(() => {}),
  "assertThrows, another class": () => {
    assertThrows(
      () => {
        throw new RangeError();
      },
      TypeError,
    );
  },
  "assertThrows, another message": () => {
    assertThrows(
      () => {
        throw new TypeError("wrong type");
      },
      TypeError,
      "right",
    );
  },
  fail: () => fail(),
  unreachable: () => unreachable(),
};

Deno.test("assertions let pass what holds", () => {
  for (const assertion of Object.values(HOLD)) assertion();
});

for (const [name, assertion] of Object.entries(FAIL)) {
  Deno.test(`assertions fail: ${name}`, () => {
    let thrown: unknown;
    try {
      assertion();
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof AssertionError)) {
      throw new Error(`Expected an AssertionError, got ${thrown}`);
    }
  });
}

Deno.test("assertRejects() returns what the promise rejects with", async () => {
  const reason = new TypeError("wrong type");
  const caught = await assertRejects(
    () => Promise.reject(reason),
    TypeError,
    "wrong",
  );
  if (caught !== reason) throw new Error("Expected the same error");
});

Deno.test("assertRejects() rejects if the promise resolves", async () => {
  const outcome = await assertRejects(() => Promise.resolve())
    .then(() => "resolved", (error) => error);
  if (!(outcome instanceof AssertionError)) {
    throw new Error(`Expected an AssertionError, got ${outcome}`);
  }
});

Deno.test("assertRejects() rejects if the function throws at once", async () => {
  const outcome = await assertRejects(() => {
    throw new TypeError("wrong type");
  }).then(() => "resolved", (error) => error);
  if (!(outcome instanceof AssertionError)) {
    throw new Error(`Expected an AssertionError, got ${outcome}`);
  }
});
