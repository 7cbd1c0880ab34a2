/** A shell command as a tree: POSIX's shell grammar (XCU §2), and the parts of bash that scripts use. */

/** A piece of a word, before expansion. `quoted`: it is neither split nor matched as a pattern. */
export type Piece =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "variable"; readonly name: string; readonly quoted: boolean; readonly otherwise?: Otherwise }
  | { readonly kind: "command"; readonly body: Node; readonly quoted: boolean }
  | { readonly kind: "arithmetic"; readonly text: Word; readonly quoted: boolean };

/** `${name:-word}`, `:=`, `:+`, `:?`, `#pattern`, `##`, `%`, `%%`, and `${#name}` (operator "length"). */
export interface Otherwise {
  readonly operator: string;
  readonly word: Word;
}

export type Word = readonly Piece[];

export interface Redirection {
  /** 0, 1 or 2; -1 for both 1 and 2. */
  readonly descriptor: number;
  readonly operator: "<" | ">" | ">>" | "<<" | "<<<" | ">&";
  /** A file, a descriptor's number, or the text of a here-document. */
  readonly target: Word;
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export type Node =
  | {
      readonly kind: "simple";
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly kind: "pipeline"; readonly inverted: boolean; readonly stages: readonly Node[] }
  /** Commands, each with the operator before it. */
  | {
      readonly kind: "list";
      readonly items: readonly { readonly after: "any" | "success" | "failure"; readonly node: Node }[];
    }
  | {
      readonly kind: "if";
      readonly branches: readonly { readonly condition: Node; readonly body: Node }[];
      readonly otherwise: Node | undefined;
    }
  | { readonly kind: "while"; readonly until: boolean; readonly condition: Node; readonly body: Node }
  | { readonly kind: "for"; readonly name: string; readonly words: readonly Word[]; readonly body: Node }
  | {
      readonly kind: "case";
      readonly word: Word;
      readonly branches: readonly { readonly patterns: readonly Word[]; readonly body: Node }[];
    }
  | { readonly kind: "function"; readonly name: string; readonly body: Node }
  /** `(( expression ))` */
  | { readonly kind: "compute"; readonly text: Word }
  /** `{ … }` or `( … )`, or any of the above, with redirections behind it. */
  | {
      readonly kind: "group";
      readonly body: Node;
      readonly isolated: boolean;
      readonly redirections: readonly Redirection[];
    };

export const NOTHING: Node = { kind: "list", items: [] };
