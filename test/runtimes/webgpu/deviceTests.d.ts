/** Made by bundle.ts: every test file, by its path. */
declare module "virtual:device-tests" {
  const files: Record<string, () => Promise<unknown>>;
  export default files;
}
