/** Of tsc's declarations the package gets what its entries export, and what that mentions. */
import { expect, test } from "bun:test";
import { declarationsOf } from "../../src/package/declarations.ts";

const EMITTED = new Map([
  [
    "src/index",
    `export { make } from "#stack/make";
export type { Shape, Kept as Renamed } from "#stack/shapes";
`,
  ],
  [
    "src/stack/make",
    `import { type Shape } from "./shapes.ts";
import type { Tcb } from "#tcp/tcb";
import { EventEmitter } from "node:events";
/** Makes one. */
export declare function make(of: Shape): Promise<Shape>;
/** Looks inside. */
export declare function inside(tcb: Tcb): EventEmitter;
export {};
`,
  ],
  [
    "src/stack/shapes",
    `import type { Tcb } from "#tcp/tcb";
declare const NAMES: readonly ["a", "b"];
/**
 * A shape. The word Tcb in a comment, and "Tcb" in a text, mention nothing.
 */
export interface Shape extends Base {
    readonly name: (typeof NAMES)[number] | "Tcb";
    readonly make: number;
}
interface Base {
    /** How many. */
    readonly corners: number;
}
export declare class Kept {
    #private;
}
export declare class Engine {
    tcb: Tcb;
}
export {};
`,
  ],
  ["src/tcp/tcb", "export declare class Tcb {\n}\n"],
]);

const made = declarationsOf(EMITTED, new Map([["src/index", "/** The door. */"]]));

test("files that nothing leads to are left out", () => {
  expect([...made.keys()].sort()).toEqual(["globals.d.ts", "index.d.ts", "stack/make.d.ts", "stack/shapes.d.ts"]);
});

test("an entry begins with its docstring and exports the same names, types as types, by paths that Node.js resolves", () => {
  expect(made.get("index.d.ts")).toBe(`/// <reference path="./globals.d.ts" />
/** The door. */
export { make } from "./stack/make.js";
export type { Shape } from "./stack/shapes.js";
export type { Kept as Renamed } from "./stack/shapes.js";
export {};
`);
});

test("a file keeps its statements with their docstrings, and imports only what these use", () => {
  expect(made.get("stack/make.d.ts")).toBe(`import type { Shape } from "./shapes.js";
/** Makes one. */
export declare function make(of: Shape): Promise<Shape>;
export {};
`);
});

test("what a type mentions stays, also values behind typeof; what has the name of a property only does not", () => {
  const shapes = made.get("stack/shapes.d.ts")!;
  expect(shapes).toContain("declare const NAMES");
  expect(shapes).toContain("interface Base {\n    /** How many. */");
  expect(shapes).toContain("class Kept");
  expect(shapes).not.toMatch(/Engine|import/);
});

test("a file that tsc did not emit is an error", () => {
  expect(() => declarationsOf(EMITTED, new Map([["src/gone", ""]]))).toThrow("no declarations of src/gone");
});
