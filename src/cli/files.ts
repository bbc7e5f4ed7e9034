// Writes the report's files: whole or not at all.
import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

const reasons: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "no permission",
  EPERM: "not permitted",
  EROFS: "on a file system that is read-only",
  EEXIST: "is a file, not a folder",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "part of its path is a file, not a folder",
  ENOSPC: "no space left on the disk",
  EDQUOT: "no space left in the quota",
  EIO: "the disk fails",
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
    const probe = join(folder, temporaryName("howsmooth"));
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

/**
 * All of the files or none: each is written under a temporary name, and only when all are written they take the places
 * of what was there, which comes back should one of them fail.
 */
export async function writeFiles(folder: string, files: Record<string, string>): Promise<void> {
  const staged: { temporary: string; path: string }[] = [];
  try {
    await makeFolder(resolve(folder));
    for (const [name, content] of Object.entries(files)) {
      const temporary = join(folder, temporaryName(name));
      staged.push({ temporary, path: join(folder, name) });
      await writeFile(temporary, content);
    }
    await putInPlace(staged);
  } catch (error) {
    for (const { temporary } of staged) await rm(temporary, { force: true });
    throw new Error(`--out: cannot write into ${folder}: ${explain(error, folder)}`);
  }
}

/** Makes the folder where it is missing; a reader never sees half of the file. */
export async function replaceFile(folder: string, name: string, content: string): Promise<void> {
  await makeFolder(resolve(folder));
  const temporary = join(folder, temporaryName(name));
  try {
    await writeFile(temporary, content);
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function putInPlace(staged: readonly { temporary: string; path: string }[]): Promise<void> {
  const done: { path: string; before: string | undefined }[] = [];
  try {
    for (const { temporary, path } of staged) {
      const before = join(dirname(path), temporaryName(basename(path)));
      const there = await rename(path, before).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") throw error;
          return false;
        },
      );
      done.push({ path, before: there ? before : undefined });
      await rename(temporary, path);
    }
  } catch (error) {
    for (const { path, before } of done.reverse()) {
      if (before) await rename(before, path).catch(() => {});
      else await rm(path, { force: true });
    }
    throw error;
  }
  for (const { before } of done) if (before) await rm(before, { force: true });
}

/** Not that of any other process, on this machine or another that has the folder. */
function temporaryName(name: string): string {
  return `.${name}.${randomBytes(8).toString("hex")}.tmp`;
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
