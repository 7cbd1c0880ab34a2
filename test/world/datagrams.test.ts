/** UDP in virtual time. */
import { testProgram } from "./programs.ts";

testProgram("datagrams.ts", "dgram runs between hosts");
