/** The global WebSocket in virtual time. */
import { testProgram } from "./programs.ts";

testProgram("web-socket.ts", "the global WebSocket runs between hosts", true);
