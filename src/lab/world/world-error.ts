/** What went wrong in a world, or in how it was asked for. */
export class WorldError extends Error {
  /** "WorldError". */
  override name = "WorldError";
  /**
   * "EINVAL": a wrong argument; "ETIMEDOUT": `until` was reached; "EDEADLK": nothing was left to happen; "EHOSTDOWN": the host has crashed;
   * "ENOTSUP": something that would use the machine's network.
   */
  readonly code: "EINVAL" | "ETIMEDOUT" | "EDEADLK" | "EHOSTDOWN" | "ENOTSUP";

  constructor(code: WorldError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export const invalid = (message: string) => new WorldError("EINVAL", message);

/** @throws WorldError EINVAL if the options have a name that does not exist. @param what "createWorld" */
export function checkOptions(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) throw invalid(`${what} takes an object of options`);
  const wrong = Object.keys(options).find((name) => !names.includes(name));
  if (wrong !== undefined) throw invalid(`${what} has no option ${wrong}: use ${names.join(", ")}`);
}
