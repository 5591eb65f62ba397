/** No bytes: one object for all empty payloads. */
export const NO_BYTES: Uint8Array = new Uint8Array();

/** A copy that shares no memory with `bytes`; the slice of a Buffer would. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? NO_BYTES : new Uint8Array(bytes);
}

/** Whether two arrays hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b ||
    (a.length === b.length && a.every((byte, index) => byte === b[index]));
}
