import { suggest } from "#base/suggest";
import { VERBS } from "#lab/chaos/control";
import { PROFILE_NAMES as DRILL_PROFILES } from "#lab/drill/posix/target";
import { LESSONS } from "#lab/lessons/lessons";
import { FORMATS } from "#report/export/formats";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";
import { PROFILE_NAMES } from "#tcp/words/profiles";
import { usageError } from "../cli-error.ts";
import { type Call, COMMANDS } from "../commands.ts";
import { completionScript, SHELLS, type Vocabulary } from "../completion.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { print } from "../print.ts";
import { asTyped } from "../program.ts";

const VOCABULARY: Vocabulary = {
  values: {
    "--cc": CONGESTION_CONTROLS,
    "--congestion": CONGESTION_CONTROLS,
    "--profile": PROFILE_NAMES,
    "drill --profile": DRILL_PROFILES,
    "--format": FORMATS,
    "--pacing": ["on", "off"],
    "--vs": ["kernel", "pump"],
  },
  first: {
    lesson: LESSONS.map(({ name }) => name),
    link: VERBS,
    completion: SHELLS,
  },
};

/** `tcpnet completion`: prints the script for a shell. */
export async function run({ args }: Call): Promise<number> {
  const [name = ""] = args;
  const shell = SHELLS.find((each) => each === name);
  if (shell === undefined) {
    const fix = `tcpnet completion ${suggest(name, SHELLS) ?? "bash"}`;
    throw usageError(
      `there is no completion for the shell "${name}"`,
      `there is one for ${SHELLS.join(" and ")}`,
      asTyped(fix),
    );
  }
  print(completionScript(shell, COMMANDS, VOCABULARY));
  return EXIT_OK;
}
