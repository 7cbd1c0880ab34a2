import { setDefaultTimeout } from "bun:test";

/** Loaded before all tests (bunfig.toml): what takes a second on a quiet machine may take many on a busy one, and that is no failure. */
setDefaultTimeout(120_000);
