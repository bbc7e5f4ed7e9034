import {
  channelPanels, channelStrips, packPanels, packStrips, tokenPanels, tokenStrips, unpackPanels,
} from "../../matrix/packing";
import { MR, NR, ROW, WORD } from "../../base/simd";

const REST: Real = -99;

function reals(count: i32): usize {
  const at = heap.alloc(<usize>count * WORD + 64);
  for (let i = 0; i < count; i++) store<Real>(at + <usize>i * WORD, REST);
  return at;
}

function at(base: usize, index: i32): Real {
  return load<Real>(base + <usize>index * WORD);
}

/** A row-major matrix whose entries all differ. */
function matrix(rows: i32, columns: i32): usize {
  const base = reals(rows * columns);
  for (let i = 0; i < rows * columns; i++) store<Real>(base + <usize>i * WORD, <Real>(i + 1));
  return base;
}

function whole(count: i32, unit: i32): i32 {
  return (count + unit - 1) / unit * unit;
}

/** Misplaced numbers of [m × k] in strips, from a source stored by rows or by columns. */
function stripErrors(m: i32, k: i32, byColumns: bool): i32 {
  const source = byColumns ? matrix(k, m) : matrix(m, k);
  const strips = reals(whole(m, MR) * k);
  const word = WORD;
  packStrips(m, k, source, byColumns ? word : <usize>k * word, byColumns ? <usize>m * word : word, strips);
  let errors = 0;
  for (let r = 0; r < whole(m, MR); r++) {
    for (let i = 0; i < k; i++) {
      const expected: Real = r < m ? at(source, byColumns ? i * m + r : r * k + i) : 0;
      if (at(strips, (r / MR * k + i) * MR + r % MR) != expected) errors++;
    }
  }
  return errors;
}

/** Misplaced numbers of [k × n] in panels and back again. */
function panelErrors(k: i32, n: i32, byColumns: bool): i32 {
  const source = byColumns ? matrix(n, k) : matrix(k, n);
  const packed = reals(whole(n, NR) * k), copy = reals(k * n);
  const word = WORD;
  const step = byColumns ? word : <usize>n * word, column = byColumns ? <usize>k * word : word;
  packPanels(k, n, source, step, column, packed, <usize>k * ROW);
  unpackPanels(k, n, packed, <usize>k * ROW, copy, step, column);
  let errors = memory.compare(source, copy, <usize>(n * k) * WORD) ? 1 : 0;
  for (let j = 0; j < whole(n, NR); j++) {
    for (let i = 0; i < k; i++) {
      const expected: Real = j < n ? at(source, byColumns ? j * k + i : i * n + j) : 0;
      if (at(packed, (j / NR * k + i) * NR + j % NR) != expected) errors++;
    }
  }
  return errors;
}

/** A token's channel in panels of `rows` rows. */
function entry(panels: usize, rows: i32, token: i32, channel: i32): Real {
  return at(panels, (token / NR * rows + channel) * NR + token % NR);
}

describe("packStrips", () => {
  it("takes rows or columns, and ends ragged strips in zeros", () => {
    for (let m = 1; m < 20; m++) {
      for (let k = 1; k < 20; k++) {
        expect(stripErrors(m, k, false)).toBe(0);
        expect(stripErrors(m, k, true)).toBe(0);
      }
    }
  });
});

describe("packPanels", () => {
  it("takes rows or columns, ends ragged panels in zeros, and is undone by unpackPanels", () => {
    for (let n = 1; n < 20; n++) {
      for (let k = 1; k < 12; k++) {
        expect(panelErrors(k, n, false)).toBe(0);
        expect(panelErrors(k, n, true)).toBe(0);
      }
    }
  });
});

describe("channels 2 to 2 + count of panels of tokens", () => {
  it("become strips over tokens, strips over channels and panels over channels, zero past the last token", () => {
    for (let n = 1; n < 27; n++) {
      for (let count = 1; count < 14; count += 3) {
        const rows = count + 3, first = 2, width = count + 2, stride = count + 1;
        const tokens = whole(n, MR), columns = whole(n, NR);
        // Lanes past the last token hold numbers too.
        const source = matrix(columns, rows);
        const byToken = reals(tokens * stride), byChannel = reals(tokens * whole(count, MR));
        const panels = reals(columns * whole(width, NR));
        tokenStrips(n, source, rows, first, count, byToken, stride);
        channelStrips(n, source, rows, first, count, byChannel);
        channelPanels(n, source, rows, first, count, panels, width);
        let errors = 0;
        for (let j = 0; j < columns; j++) {
          for (let c = 0; c < whole(width, NR); c++) {
            const expected: Real = j < n && c < count ? entry(source, rows, j, first + c) : 0;
            if (at(panels, (c / NR * columns + j) * NR + c % NR) != expected) errors++;
            if (j >= tokens) continue;
            if (c < whole(count, MR) && at(byChannel, (c / MR * tokens + j) * MR + c % MR) != expected) errors++;
            if (c < count && at(byToken, (j / MR * stride + c) * MR + j % MR) != expected) errors++;
          }
        }
        for (let s = 0; s < tokens / MR; s++) {
          if (at(byToken, (s * stride + count) * MR) != REST) errors++;
        }
        expect(errors).toBe(0);
      }
    }
  });
});

describe("tokenPanels", () => {
  it("puts rows of tokens back among the channels of panels, and leaves the other channels", () => {
    for (let n = 1; n < 19; n++) {
      const count = 7, rows = 10, first = 2, length = 9;
      const source = matrix(n, length);
      const panels = reals(whole(n, NR) * rows);
      tokenPanels(n, source, <usize>length * WORD, panels, rows, first, count);
      let errors = 0;
      for (let j = 0; j < whole(n, NR); j++) {
        for (let c = 0; c < rows; c++) {
          const mine = c >= first && c < first + count;
          const expected: Real = mine ? (j < n ? at(source, j * length + c - first) : 0) : REST;
          if (entry(panels, rows, j, c) != expected) errors++;
        }
      }
      expect(errors).toBe(0);
    }
  });
});
