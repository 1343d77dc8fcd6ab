/** What is used of sanitize-html, which ships no types. */
declare module "sanitize-html" {
  /** An element's name and attributes. */
  interface Tag {
    tagName: string;
    attribs: Record<string, string>;
  }
  /** What stays of a document. */
  interface Options {
    allowedTags: readonly string[];
    allowedAttributes: Record<string, readonly string[]>;
    allowedStyles: Record<string, Record<string, readonly RegExp[]>>;
    allowedSchemes: readonly string[];
    allowedSchemesByTag: Record<string, readonly string[]>;
    allowProtocolRelative: boolean;
    nestingLimit: number;
    parseStyleAttributes: boolean;
    transformTags: Record<string, (tagName: string, attribs: Record<string, string>) => Tag>;
  }
  /** The HTML with nothing in it that the options do not allow. */
  export default function sanitizeHtml(html: string, options: Options): string;
}
