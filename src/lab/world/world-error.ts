/** What went wrong in a world, or in how it was asked for. */
export class WorldError extends Error {
  /** "WorldError". */
  override name = "WorldError";
  /** "EINVAL": a wrong argument; "ETIMEDOUT": `until` was reached; "EDEADLK": nothing was left to happen; "EHOSTDOWN": the host has crashed. */
  readonly code: "EINVAL" | "ETIMEDOUT" | "EDEADLK" | "EHOSTDOWN";

  constructor(code: WorldError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export const invalid = (message: string) => new WorldError("EINVAL", message);
