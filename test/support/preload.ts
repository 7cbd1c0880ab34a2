import { setDefaultTimeout } from "bun:test";
import { withSbin } from "./tools.ts";

// Loaded before all tests (bunfig.toml).

/**
 * What takes a second on a quiet machine may take many on a busy one, and that is no failure. Bun 1.4.5 keeps this for the first file only: of several
 * files in one process, the others need `--timeout`, which `bun run test` gives to each.
 */
setDefaultTimeout(120_000);

/** Tests of ordinary users start administrators' programs as well, in namespaces of their own. */
process.env.PATH = withSbin(process.env.PATH);

// The programs that tests start speak UTF-8, whatever the locale of whoever runs the tests.
process.env.LC_ALL = "C.UTF-8";
