/** The network of programs in a world is the world's, all of it. */
import { testProgram } from "./programs.ts";

testProgram("reach.ts", "nothing that a program calls reaches this machine's network");
