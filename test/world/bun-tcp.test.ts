/** Bun's own TCP in virtual time. */
import { testInBun } from "./programs.ts";

testInBun("bun-tcp.ts", "Bun.listen and Bun.connect between hosts do what they do over loopback");
