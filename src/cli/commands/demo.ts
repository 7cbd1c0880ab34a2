import type { Call } from "../commands.ts";
export async function run(_: Call): Promise<number> {
  return 0;
}
