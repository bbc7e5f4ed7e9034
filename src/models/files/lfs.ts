// Git LFS pointers: what stands in the place of a large file where a repository was cloned without git-lfs.
import { ModelError } from "../../base/errors.js";
import { type FileSource, locate } from "./source.js";

const firstLine = "version https://git-lfs.github.com/spec/";
/** The specification's limit on a pointer (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). */
const largestPointer = 1024;

/**
 * @param start the first bytes of the file, where they were read
 * @throws ModelError, with what to run, where a file is a pointer
 */
export async function refusePointer(source: FileSource, file: string, size: number, start?: Uint8Array): Promise<void> {
  if (size < firstLine.length || size >= largestPointer) return;
  if (start && !startsAs(start)) return;
  if (!startsAs(await source.read(file, 0, firstLine.length))) return;
  throw new ModelError(
    `${locate(source, file)}: a Git LFS pointer, not the file itself; run "git lfs install" and "git lfs pull" in its folder`,
    file,
  );
}

function startsAs(bytes: Uint8Array): boolean {
  return bytes.every((byte, at) => at >= firstLine.length || byte === firstLine.charCodeAt(at));
}
