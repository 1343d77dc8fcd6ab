/**
 * A schema of text in a form that a function reads, whose `TypeError` says what was
 * expected.
 *
 * @module
 */
import { z } from "zod";

/** Text of at most `longest` characters that `parse` reads. */
export function parsedText<T>(
  parse: (text: string) => T,
  longest = 1000,
): z.ZodPipe<z.ZodString, z.ZodTransform<Awaited<T>, string>> {
  return z.string().max(longest).transform((text, context) => {
    try {
      return parse(text) as Awaited<T>;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}
