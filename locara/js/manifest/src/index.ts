/**
 * `@locara/manifest`: types of locara.json, and what its schema can say of a document.
 *
 * The schema tells structure, closed lists, patterns and limits. Some rules only the parser of the framework knows
 * (`schema.$comment` lists them): `locara verify` is the judge, this is for editors, forms and build scripts.
 */

export { schema } from "./schema.ts";
export type * from "./types.ts";
export { isManifest, validate, type Problem } from "./validate.ts";
