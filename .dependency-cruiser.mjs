// The staircase of the house: a folder of src/ imports only from itself and from those above it in this list, and no
// file imports, however indirectly, from itself. Types count, too. `npm run check:imports` runs it.

const rooms = [
  ["base"],
  ["linalg"],
  ["layers"],
  ["device"],
  ["spectral"],
  ["jacobian"],
  ["bounds"],
  ["measure"],
  ["adversarial", "invertible"],
  ["models"],
  ["analysis"],
  ["charts"],
  ["report"],
  ["figures"],
  ["cli"],
];

const folders = (names) => `^src/(${names.join("|")})/`;

/** Rooms on one step of the staircase do not know each other either. */
const staircase = rooms.flatMap((step, at) =>
  step.map((room) => ({
    name: `${room}-imports-from-above`,
    comment: `src/${room} may import from ${[...rooms.slice(0, at).flat(), "itself"].join(", ")}`,
    severity: "error",
    from: { path: folders([room]) },
    to: { path: "^src/", pathNot: folders([...rooms.slice(0, at).flat(), room]) },
  })),
);

export default {
  forbidden: [
    ...staircase,
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "every-folder-is-a-room",
      comment: "a new folder of src/ needs a place in the list of .dependency-cruiser.mjs",
      severity: "error",
      from: { path: "^src/[^/]+/", pathNot: folders(rooms.flat()) },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(node_modules|build|models)/" },
  },
};
