/** A link of a world. */
import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import { linksText } from "#device/link-text";
import { type LinkProfiles, parseLinks } from "#device/link-words";
import type { Wires } from "../sim/simulation.ts";
import type { WorldLink } from "./types.ts";
import { invalid } from "./world-error.ts";

const DOWN: LinkProfile["down"] = {
  spans: [{ from: 0, to: Number.POSITIVE_INFINITY }],
  period: Number.POSITIVE_INFINITY,
};

/** Both directions in the words of `--link`. @throws WorldError EINVAL */
export function profilesOf(words: string): LinkProfiles {
  try {
    return words.trim() === "" ? { out: CLEAR_LINK, in: CLEAR_LINK } : parseLinks(words);
  } catch (error) {
    throw invalid(`the link ${JSON.stringify(words)}: ${(error as Error).message}`);
  }
}

export class VirtualLink implements WorldLink {
  /** "a-b". */
  readonly name: string;
  readonly wires: Wires;
  #profiles: LinkProfiles;
  #isCut = false;

  constructor(name: string, wires: Wires, profiles: LinkProfiles) {
    this.name = name;
    this.wires = wires;
    this.#profiles = profiles;
  }

  /** What it does to packets, in the words of `set`. */
  get words(): string {
    return linksText(this.#profiles);
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /**
   * Another link from now on: "loss 5% delay 80ms", "out rate 1mbit in loss 10%" (`out` is from the end that was named first), "clear". What is
   * not named is clear. @throws WorldError EINVAL
   */
  set(words: string): this {
    this.#profiles = profilesOf(words);
    this.#apply();
    return this;
  }

  /** Nothing passes until `mend`. */
  cut(): this {
    this.#isCut = true;
    this.#apply();
    return this;
  }

  /** As before `cut`. */
  mend(): this {
    this.#isCut = false;
    this.#apply();
    return this;
  }

  #apply(): void {
    const { out, in: back } = this.#profiles;
    const { wires } = this;
    wires.there.set(this.#isCut ? { ...out, down: DOWN } : out);
    wires.back.set(this.#isCut ? { ...back, down: DOWN } : back);
  }
}
