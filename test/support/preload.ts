import { setDefaultTimeout } from "bun:test";
import { withSbin } from "./tools.ts";

// Loaded before all tests (bunfig.toml).

/** What takes a second on a quiet machine may take many on a busy one, and that is no failure. */
setDefaultTimeout(120_000);

/** Tests of ordinary users start administrators' programs as well, in namespaces of their own. */
process.env.PATH = withSbin(process.env.PATH);

// The programs that tests start speak UTF-8, whatever the locale of whoever runs the tests.
process.env.LC_ALL = "C.UTF-8";
