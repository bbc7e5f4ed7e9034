// Stands for threads.ts in the builds for edge runtimes, which have no Workers, and for pages opened from disk, which may
// not share memory.
import { DeviceError } from "../../base/errors.js";

/** @throws DeviceError always */
export function teamSize(): never {
  throw new DeviceError("this build of howsmooth, for edge runtimes and for pages opened from disk, has no threads");
}

export const startTeam = teamSize;
