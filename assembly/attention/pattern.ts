// Products with the attention pattern averaged over heads, for a first guess at the leading singular vector (MATH 13.6).
import { laneSum, MR, NR, ROW, WORD } from "../base/simd";
import { endStrip, firstStrip, groupEndPanel, groupStride, Primal, RULED_OUT, tileAt } from "./primal";
import { probabilitiesOf } from "./probabilities";

/** out[query] = Σ_heads Σ_keys P[query, key]·v[key]: a multiple of the mean, which is all that a direction needs. */
export function sumPatterns(s: Primal, v: usize, out: usize): void {
  memory.fill(out, 0, <usize>(s.panels * NR) * WORD);
  for (let h = 0; h < s.layer.heads; h++) {
    for (let g = 0; g < s.groups; g++) {
      let p = probabilitiesOf(s, h, g);
      const s0 = firstStrip(s, g), s1 = endStrip(s, g);
      for (let panel = g * s.groupPanels; panel < groupEndPanel(s, g); panel++) {
        const to = out + <usize>(panel * NR) * WORD;
        let sum0 = v128.load(to), sum1 = v128.load(to, 16);
        for (let strip = s0; strip < s1; strip++) {
          if (tileAt(s, panel, strip) == RULED_OUT) continue;
          for (let j = strip * MR; j < strip * MR + MR; j++) {
            const row = p + <usize>(j - s0 * MR) * ROW;
            const x = v128.load_splat<Real>(v + <usize>j * WORD);
            sum0 = v128.add<Real>(sum0, v128.mul<Real>(x, v128.load(row)));
            sum1 = v128.add<Real>(sum1, v128.mul<Real>(x, v128.load(row, 16)));
          }
        }
        v128.store(to, sum0);
        v128.store(to, sum1, 16);
        p += groupStride(s, g);
      }
    }
  }
}

/** out[key] = Σ_heads Σ_queries P[query, key]·u[query]. */
export function sumTransposedPatterns(s: Primal, u: usize, out: usize): void {
  memory.fill(out, 0, <usize>(s.strips * MR) * WORD);
  for (let h = 0; h < s.layer.heads; h++) {
    for (let g = 0; g < s.groups; g++) {
      let p = probabilitiesOf(s, h, g);
      const s0 = firstStrip(s, g), s1 = endStrip(s, g);
      for (let panel = g * s.groupPanels; panel < groupEndPanel(s, g); panel++) {
        const from = u + <usize>(panel * NR) * WORD;
        const u0 = v128.load(from), u1 = v128.load(from, 16);
        for (let strip = s0; strip < s1; strip++) {
          if (tileAt(s, panel, strip) == RULED_OUT) continue;
          for (let j = strip * MR; j < strip * MR + MR; j++) {
            const row = p + <usize>(j - s0 * MR) * ROW;
            const products = v128.add<Real>(v128.mul<Real>(u0, v128.load(row)), v128.mul<Real>(u1, v128.load(row, 16)));
            const at = out + <usize>j * WORD;
            store<Real>(at, load<Real>(at) + <Real>laneSum(products));
          }
        }
        p += groupStride(s, g);
      }
    }
  }
}
