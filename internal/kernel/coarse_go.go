package kernel

import "math"

func quantizeGo(q []byte, par, x []float32, ld, d, n int, limit, length, reach, slack float32, offset int) {
	root := func(v float32) float32 { return float32(math.Sqrt(float64(v))) }
	for i := range n {
		x := x[i*ld:][:d]
		var top, most, total float32
		for b := 0; b < d; b += coarseBlock {
			var half [2]float32
			for k := b; k < min(b+coarseBlock, d); k++ {
				top = max(top, x[k], -x[k])
				half[k%4/2] += x[k] * x[k]
			}
			most, total = max(most, half[0], half[1]), total+half[0]+half[1]
		}
		a := max(top/limit, root(most)/length, 0x1p-60)
		inv, e := 1/a, float32(0)
		for k, v := range x {
			y := float32(math.RoundToEven(float64(v * inv)))
			q[i*d+k] = byte(int(y) + offset)
			v = float32(float64(v) - float64(a)*float64(y))
			e += v * v
		}
		eps, norm := root(e+0x1p-139), root(total+0x1p-139)
		par[i], par[parRows+i], par[2*parRows+i], par[3*parRows+i] = inv, -inv*(reach*eps+slack*norm), eps, norm
	}
}

func coarseAboveGo(k *coarseKind, mask []uint64, n int, u []byte, d int, s []int8, start []int32, blocks int, par, thr, kappa []float32, bias bool) {
	block := coarseBlock
	if blocks == 1 {
		block = d
	}
	for c := range n {
		mask[c] = 0
		for r := range tileRows {
			var z int32
			for b := range blocks {
				from := start[b*tileRows+r]
				half := [2]int32{from, 0}
				if !k.wide {
					half = [2]int32{int32(int16(from)), from >> 16}
				}
				for j := b * block; j < min((b+1)*block, d); j++ {
					half[j%4/2] += int32(u[c*d+j]) * int32(s[(j/4*tileRows+r)*4+j%4])
				}
				if !k.wide {
					half = [2]int32{int32(int16(half[0])), int32(int16(half[1]))}
				}
				z += half[0] + half[1]
			}
			t := thr[r] * kappa[r]
			t = min(t*(1-0x1p-20), t*(1+0x1p-20))*par[c] + par[parRows+c]
			if bias {
				t += par[2*parRows+c] * kappa[r]
			}
			if !(float32(z) <= t) {
				mask[c] |= 1 << r
			}
		}
	}
}

func pairDotsGo(z []float32, idx []uint32, w []float32, ldw, d int, h []float32, ldh int, scale float32) {
	for i, id := range idx {
		x, y := w[int(id/tileRows)*ldw:][:d], h[int(id%tileRows)*ldh:][:d]
		for k, v := range x {
			z[i] += v * (y[k] * scale)
		}
	}
}
