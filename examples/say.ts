/** Prints a line with the time of day before it. */
export function say(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 23)}  ${text}`);
}
