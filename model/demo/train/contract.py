"""Writes the contract of a packed default checkpoint, mtplx_runtime.json (the keys that model/qwen reads). usage: contract.py PACKED

exactness_baseline stays empty until verify_pack.py --stamp has measured it."""
import datetime, json, platform, sys


def cpu():
    try:
        return next(l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path):
    c = dict(
        mtplx_version="0.1.0rc1", arch_id="qwen3-next-mtp", mtp_depth_max=3, recommended_profile="performance-cold", exactness_baseline={},
        verified_on=dict(timestamp=now(), hardware=cpu(), macos=platform.mac_ver()[0], machine_arch=platform.machine(), model="mtplx-default"),
        recommended_draft_sampler=dict(temperature=0.6, top_p=0.95, top_k=20), sampler=dict(temperature=0.6, top_p=0.95, top_k=20),
        recommended_mtp_depth=3, recommended_generation_mode="mtp", model_id="mtplx-default", mtp_sidecar="prequantized-mlx-affine", artifact_role="default")
    with open(path + "/mtplx_runtime.json", "w") as f:
        json.dump(c, f, indent=1)
    return c


if __name__ == "__main__":
    write(sys.argv[1])
