//go:build !amd64 && !arm64

package cpu

import "mtplx/kernels"

func normRow(_ tier, y, x, gain []float32, eps float32) { normPlain(y, x, gain, eps) }

func l2normRow(_ tier, y, x []float32, scale float32) { l2normPlain(y, x, scale) }

func swigluRow(_ tier, y, gate, up []float32) { swigluPlain(y, gate, up) }

func gatedNormRow(_ tier, y, o, z, gain []float32, eps float32) { gatedNormPlain(y, o, z, gain, eps) }

func gateRow(_ tier, y, x, g []float32) { gatePlain(y, x, g) }

func (a *convArgs) run(_ tier) { convPlain(a) }

func (a *gatesArgs) run(_ tier) { gatesPlain(a) }

func ropeRow(_ tier, x, cos, sin []float32) { ropePlain(x, cos, sin) }

func scaleRow(_ tier, y, x []float32, s float32) { scalePlain(y, x, s) }

func axpyRow(_ tier, y, x []float32, s float32) { axpyPlain(y, x, s) }

func addRow(_ tier, y, x []float32) { addPlain(y, x) }

func (a *chunkArgs) run(_ tier) { chunkPlain(a) }

func (a *deltaArgs) run(_ tier) { deltaPlain(a) }

func (a *attendArgs) run(_ tier, d *kernels.AttnDims) { attendPlain(a, d) }

func (a *mergeArgs) run(_ tier) { mergePlain(a) }

func (a *keepArgs) key(_ tier) { codeKey(a) }

func (a *keepArgs) value(_ tier) { codeValue(a) }

func (a *turnArgs) run(_ tier) { turnPlain(a) }
