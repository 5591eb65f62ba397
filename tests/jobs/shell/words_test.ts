import { assertEquals, assertThrows } from "@std/assert";
import { shellWords } from "../../../jobs/shell/words.ts";

/** Each command beside its words. */
type Words = readonly (readonly [command: string, words: readonly string[]])[];

function assertWords(expected: Words): void {
  for (const [command, words] of expected) {
    assertEquals(shellWords(command), words, JSON.stringify(command));
  }
}

Deno.test("spaces, tabs and line breaks separate words", () => {
  assertWords([
    ["", []],
    [" \t\r\n", []],
    ["ls", ["ls"]],
    ["  ls  -l\t/tmp\r\n/var\n", ["ls", "-l", "/tmp", "/var"]],
    ["\u00a0 x", ["\u00a0", "x"]],
    ["one\u00a0word one\u3000word", ["one\u00a0word", "one\u3000word"]],
  ]);
});

Deno.test("in single quotes everything stands for itself", () => {
  assertWords([
    [`'a b' '\\' '"' '$x'`, ["a b", "\\", '"', "$x"]],
    ["'a\nb'", ["a\nb"]],
    ["''", [""]],
    ["a '' b", ["a", "", "b"]],
  ]);
});

Deno.test("in double quotes a backslash frees a quote or a backslash, nothing else", () => {
  assertWords([
    [`"a b" "it's"`, ["a b", "it's"]],
    [String.raw`"a\"b" "a\\b" "a\\" "\\\""`, ['a"b', "a\\b", "a\\", '\\"']],
    [String.raw`"\n" "\$x"`, ["\\n", "\\$x"]],
    [`""`, [""]],
  ]);
});

Deno.test("outside of quotes a backslash frees the next character", () => {
  assertWords([
    [String.raw`a\ b \\ \' \" \n`, ["a b", "\\", "'", '"', "n"]],
    ["a\\\nb", ["a\nb"]],
    ["\\😀", ["😀"]],
  ]);
});

Deno.test("parts that touch are one word", () => {
  assertWords([
    [`a'b c'"d e"\\ f`, ["ab cd e f"]],
    [`''a""`, ["a"]],
    [`--name="a b" x'' ''`, ["--name=a b", "x", ""]],
  ]);
});

Deno.test("what means something to a shell means nothing here", () => {
  const command = "echo $HOME ~ * ? [a] {a,b} `id` $(id) | ; & && > < # !";
  assertEquals(shellWords(command), command.split(" "));
  assertEquals(shellWords("a;b a|b a&b"), ["a;b", "a|b", "a&b"]);
});

Deno.test("an open quote is refused, with its place", () => {
  for (
    const [command, message] of [
      ["echo 'x", "the ' at character 6"],
      ['echo "x', 'the " at character 6'],
      ['"x\\"', 'the " at character 1'],
      ["echo x\\", "the \\ at character 7"],
      [`'a' "b" 'c"`, "the ' at character 9"],
    ]
  ) {
    assertThrows(() => shellWords(command), SyntaxError, message);
  }
});

Deno.test("long commands are split in time that grows with their length", () => {
  const length = 300_000;
  assertEquals(shellWords("a ".repeat(length)).length, length);
  assertEquals(shellWords("\\a".repeat(length))[0].length, length);
  assertEquals(shellWords(`'${"a".repeat(length)}'`)[0].length, length);
  assertEquals(shellWords(`"${"\\\\".repeat(length)}"`)[0].length, length);
  assertThrows(() => shellWords(`"${"\\\\".repeat(length)}`), SyntaxError);
});
