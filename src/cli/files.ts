// Writes the report's files: whole or not at all.
import { mkdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const reasons: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "no permission",
  EPERM: "not permitted",
  EROFS: "on a file system that is read-only",
  EEXIST: "is a file, not a folder",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "part of its path is a file, not a folder",
  ENOSPC: "no space left on the disk",
};

/** A file system error in words: the path, and why. */
export function explain(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code && Object.hasOwn(reasons, code) ? `${path}: ${reasons[code]}` : message;
}

/**
 * Throws unless files of these names can be written into `folder`, found by doing it: permissions alone say little on
 * special file systems. What it makes it takes away again, so that a run that fails later leaves nothing behind.
 */
export async function checkWritable(folder: string, names: string[]): Promise<void> {
  try {
    const made = await makeFolder(resolve(folder));
    const probe = join(folder, `.howsmooth.${process.pid}.tmp`);
    await writeFile(probe, "");
    await rm(probe);
    for (const path of made.reverse()) await rmdir(path);
  } catch (error) {
    throw new Error(`--out: cannot write into ${folder}: ${explain(error, folder)}; name another folder`);
  }
  for (const name of names) {
    const path = join(folder, name);
    const entry = await stat(path).catch(() => null);
    if (entry && !entry.isFile()) throw new Error(`--out: ${path} is not a file and would be in the way; move it`);
  }
}

/** Each file is written under a temporary name and then renamed, so that a reader never sees half of one. */
export async function writeFiles(folder: string, files: Record<string, string>): Promise<void> {
  try {
    await makeFolder(resolve(folder));
    for (const [name, content] of Object.entries(files)) {
      const temporary = join(folder, `.${name}.${process.pid}.tmp`);
      try {
        await writeFile(temporary, content);
        await rename(temporary, join(folder, name));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    }
  } catch (error) {
    throw new Error(`--out: cannot write into ${folder}: ${explain(error, folder)}`);
  }
}

/**
 * Makes a folder and those above it, and returns the ones that were not there, from the top. By hand, because Node's
 * own recursive mkdir never ends where a file system answers "no such folder" although the parent is there (/proc).
 */
async function makeFolder(path: string): Promise<string[]> {
  const entry = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (entry?.isDirectory()) return [];
  if (entry) throw Object.assign(new Error(), { code: "EEXIST" });
  const made = await makeFolder(dirname(path));
  await mkdir(path);
  return [...made, path];
}
