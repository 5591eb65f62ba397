import { PayloadError } from "../api/errors.ts";
import { type JsonValue, toJson } from "../api/json.ts";
import { copyBytes, NO_BYTES } from "./bytes.ts";

const encoder = new TextEncoder();

/**
 * The bytes of a payload: a copy of bytes, none for none, and anything else as
 * JSON. Throws a `PayloadError` if that cannot be, or if the store does not take
 * as much.
 */
export function encodePayload(
  slug: string,
  payload: Uint8Array | JsonValue | undefined,
  maxBytes: number,
): Uint8Array {
  const bytes = payload === undefined
    ? NO_BYTES
    : payload instanceof Uint8Array
    ? payload
    : encodeJson(slug, payload);
  checkPayloadSize(`schedule "${slug}"`, bytes.length, maxBytes);
  return bytes === payload ? copyBytes(bytes) : bytes;
}

function encodeJson(slug: string, payload: JsonValue): Uint8Array {
  try {
    return encoder.encode(toJson(payload));
  } catch (cause) {
    throw new PayloadError(
      `Cannot schedule "${slug}", for its payload is not JSON ` +
        `(${(cause as Error).message}): expected a Uint8Array or a JSON value`,
      { cause },
    );
  }
}

/** Throws if the store does not take so many bytes of payload. */
export function checkPayloadSize(
  action: string,
  bytes: number,
  maxBytes: number,
): void {
  if (bytes <= maxBytes) return;
  throw new PayloadError(
    `Cannot ${action} with a payload of ${bytes} bytes: expected at most ` +
      `${maxBytes}, which is what the store takes`,
  );
}
