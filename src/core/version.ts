/** The version of this library: that of `deno.json`. */
export const VERSION: string = "0.1.0";
