"""Makes reference.json: what numpy and mlx (0.32.4, CPU) say of the tests' matrices. usage: reference.py GOLDENS"""
import hashlib, json, struct, sys
import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)


def sha(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8 : 8 + n])
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], raw[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]]) for k, v in head.items()}


def bf16(raw, shape):
    return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)


def dequantised(t, path):
    """float32(code*scale) + bias, and the format, independent of mlx's own unpacking."""
    _, shape, raw = t[path + ".weight"]
    s, b = (bf16(t[path + e][2], t[path + e][1]) for e in (".scales", ".biases"))
    words = np.frombuffer(raw, np.uint32).reshape(-1, shape[-1])
    stream = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    for bits in (2, 3, 4, 5, 6, 8):  # the one that makes whole groups of a valid size
        group = stream.shape[1] // bits / s.shape[-1]
        if stream.shape[1] % bits == 0 and group in (32, 64, 128) and t["in"].get(path, stream.shape[1] // bits) == stream.shape[1] // bits:
            break
    code = (stream.reshape(len(words), -1, bits) << np.arange(bits, dtype=np.uint8)).sum(-1).astype(np.float32)
    group = code.shape[1] // s.shape[-1]
    s, b = (np.repeat(x.reshape(len(words), -1), group, 1) for x in (s, b))
    w = code * s + b
    m = mx.dequantize(mx.array(words), mx.array(s[:, ::group]), mx.array(b[:, ::group]), group_size=group, bits=bits)
    assert np.allclose(w, np.array(m), rtol=1e-5, atol=1e-7), path
    return {"bits": bits, "group": group, "sha256": sha(w)}


def goldens(root):
    out = {}
    for folder, config in (("qwen3_5-tied-mlx4", {}), ("qwen3_5-untied-mlx-mixed", {}), ("qwen3_5-heads-mlx4", {})):
        t = read(f"{root}/{folder}/model.safetensors")
        c = json.load(open(f"{root}/{folder}/config.json"))
        q = c["quantization"]
        width = {}
        for k in t:
            if k.endswith(".scales"):
                p = k[:-7]
                f = q.get(p, q)
                width[p] = t[k][1][-1] * f["group_size"]
        t["in"] = width
        out[folder] = {p: dequantised(t, p) for p in sorted(width) if ".layers.0." in p or ".layers.3." in p or ".layers.5." in p or ".layers.1.mlp" in p or ".layers.2.mlp" in p or "embed" in p or "lm_head" in p}
    return out


def quantised():
    r = np.random.default_rng(1)
    w = r.standard_normal((12, 256)).astype(np.float32)
    w[1] = np.abs(w[1]) + 0.5  # one-sided, which the two backends of mlx treat differently
    w[2] = -np.abs(w[2]) - 0.5
    w[3] = 0.25  # constant
    w[4] = -3
    w[5] = 0
    w[6, ::17] = 300  # outliers
    w[7] *= 1e-9  # below the floor of the scale
    w[8] *= 1e20
    w[9] = np.round(w[9] * 2) / 2  # ties
    x = mx.array(w).astype(mx.bfloat16)
    out = {"rows": 12, "cols": 256, "bf16": np.array(x.view(mx.uint16)).tobytes().hex(), "cases": []}
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            q, s, b = mx.quantize(x, group_size=group, bits=bits)
            out["cases"].append({"bits": bits, "group": group, "codes": sha(np.array(q)), "scales": sha(np.array(s.view(mx.uint16))), "biases": sha(np.array(b.view(mx.uint16)))})
    return out


json.dump({"dequantised": goldens(sys.argv[1]), "quantised": quantised()}, open("reference.json", "w"), indent=1)
