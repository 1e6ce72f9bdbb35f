"""Video models at full size on a GPU: seconds per candidate, memory, and what a batch is worth.

Two pipelines are built from their published configurations with random weights (speed does not
depend on what the numbers are) and run through WIW's own engine: Stable Video Diffusion, and Wan
2.1 I2V of 14 billion parameters. For M = 1, 3 and 5 candidates from different views it measures
seconds per candidate and peak memory; the batching ratio is M times the seconds of one alone, over
those of M together. Writes ``results/video_gpu.json`` beside this file. Without a GPU nothing is
measured, and the file says so.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import navigation_plan
from wiw_core.provenance import provenance
from wiw_core.rollouts import RolloutRequest
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.svd import Svd, SvdModel
from wiw_wm_node.video.tiny import parts
from wiw_wm_node.video.wan import Wan21, Wan21Model

RESULT = Path(__file__).parent / "results" / "video_gpu.json"
F, L, R = "forward", "turn_left", "turn_right"
PLANS = ([F] * 5, [L, F, F, F, F], [R, F, F, F, F], [L, L, F, F, F], [R, R, F, F, F])
"""They begin with other views: SVD ignores the rest, and equal clips are generated once."""
COUNTS = (1, 3, 5)
DEADLINE_S = 3600.0


def main() -> None:
    """Measure if there is a GPU, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=3, help="requests of each kind, after one")
    parser.add_argument("--only", choices=sorted(PIPELINES), help="one pipeline alone")
    parser.add_argument("--tiny", action="store_true", help="try this program itself")
    options = parser.parse_args()
    names = [options.only] if options.only else sorted(PIPELINES)
    report: dict[str, Any] = {"billions_of_parameters": {name: sizes(name) for name in names}}
    if torch.cuda.is_available() or options.tiny:
        report |= {
            "ran": not options.tiny,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "rows": [row for name in names for row in measured(name, options.n, options.tiny)],
        }
        show(report["rows"])
    else:
        report |= {"ran": False, "why": "There was no GPU on this machine: nothing was measured."}
        Console().print(f"[yellow]{report['why']}[/] Sizes: {report['billions_of_parameters']}")
    if not options.tiny:
        RESULT.parent.mkdir(exist_ok=True)
        report["provenance"] = provenance({"n": options.n, "plans": PLANS})
        RESULT.write_text(json.dumps(report, indent=1) + "\n")
        print(f"written to {RESULT}")


def measured(name: str, n: int, tiny: bool) -> list[dict[str, Any]]:
    """Return a row for each number of candidates."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        kind, build = PIPELINES[name]
        model = full_size(kind, build)(weights=folder) if not tiny else kind(**small(kind))
        model.load()
        for count in COUNTS:
            seconds, peak = timed(model, count, n)
            rows.append(
                {
                    "model": name,
                    "candidates": count,
                    "frames": model.settings.frames,
                    "size": list(model.settings.size),
                    "steps": model.settings.steps,
                    "seconds_per_candidate": seconds / count,
                    "batching_ratio": count * rows[0]["seconds_per_candidate"] / seconds
                    if rows
                    else 1.0,
                    "peak_gib": peak,
                    "batch_after_memory_ran_out": model.batches.limit if model.batches.note else 0,
                }
            )
        model.close()
    return rows


def timed(model: VideoModel, count: int, n: int) -> tuple[float, float]:
    """Return the median seconds of a request for ``count`` plans, and the peak memory in GiB."""
    times = []
    gpu = torch.cuda.is_available()
    for repeat in range(n + 1):
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        request = replace(asked(count), seed=repeat, deadline_s=time.monotonic() + DEADLINE_S)
        start = time.perf_counter()
        codes = [rollout.code.name for rollout in model.rollout(request)]
        times.append(time.perf_counter() - start)
        if set(codes) - {"OK", "INVALID_FRAMES"}:  # random weights may well overflow
            raise SystemExit(f"{model.info.name}: {codes}")
    peak = torch.cuda.max_memory_allocated() / 2**30 if gpu else 0.0
    return sorted(times[1:])[n // 2], peak


def asked(count: int) -> RolloutRequest:
    """Return a request for the first ``count`` plans of five actions in the fake room."""
    plans = tuple(navigation_plan(names) for names in PLANS[:count])
    seen = FakeEnvironment().reset("ignav", "val_000")[1]
    return RolloutRequest((seen,), plans, tuple(len(plan) for plan in plans))


def full_size(kind: type[VideoModel], build: Callable[[], Any]) -> type[VideoModel]:
    """Return the model with its pipeline made by ``build``, on the GPU, instead of loaded."""

    class Random(type(kind.family)):  # type: ignore[misc]
        """The family at full size, untrained."""

        def load(self, folder: Path, dtype: torch.dtype, settings: Any) -> Any:
            with made_on("cuda", dtype):
                return build()

    class Model(VideoModel):
        """The world model around it."""

        family = Random()

    return Model


@contextmanager
def made_on(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Make modules on a device and in a type from the start: 14 billion float32 are 56 GB."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def scheduler(kind: Any, **given: Any) -> Any:
    """Return a scheduler, which always computes on the CPU in float32."""
    with made_on("cpu", torch.float32):
        return kind(**given)


def sizes(name: str) -> dict[str, float]:
    """Return the billions of parameters of every component; nothing is allocated."""
    with made_on("meta", torch.float32):
        pipe = PIPELINES[name][1]()
    return {
        part: round(sum(p.numel() for p in module.parameters()) / 1e9, 2)
        for part, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
    }


def small(kind: type[VideoModel]) -> dict[str, Any]:
    """Return the parameters of a tiny untrained pipeline of this model."""
    from wiw_wm_node.video import tiny

    return {**tiny.SMALL, "frames": kind.family.frame_step * 4 + 1}


def clip_vit_h(projected: bool) -> Any:
    """Return OpenCLIP's ViT-H/14 image encoder, which both pipelines have."""
    import transformers

    config = transformers.CLIPVisionConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=16,
        patch_size=14,
        projection_dim=1024,
        hidden_act="gelu",
    )
    name = "CLIPVisionModelWithProjection" if projected else "CLIPVisionModel"
    return getattr(transformers, name)(config)


def svd() -> Any:
    """Return ``stabilityai/stable-video-diffusion-img2vid``, untrained."""
    import diffusers
    from transformers import CLIPImageProcessor

    return diffusers.StableVideoDiffusionPipeline(
        vae=diffusers.AutoencoderKLTemporalDecoder(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            layers_per_block=2,
        ),
        image_encoder=clip_vit_h(projected=True),
        unet=diffusers.UNetSpatioTemporalConditionModel(
            num_attention_heads=(5, 10, 20, 20), num_frames=14
        ),
        scheduler=scheduler(
            diffusers.EulerDiscreteScheduler,
            prediction_type="v_prediction",
            timestep_type="continuous",
            sigma_min=0.002,
            sigma_max=700.0,
            use_karras_sigmas=True,
        ),
        feature_extractor=CLIPImageProcessor(),
    )


def wan() -> Any:
    """Return ``Wan-AI/Wan2.1-I2V-14B-480P-Diffusers``, untrained, with a tokenizer of bytes."""
    import diffusers
    from transformers import CLIPImageProcessor, UMT5Config, UMT5EncoderModel

    from wiw_wm_node.video.wan_batched import WanBatched

    words = parts.tokenizer()
    return WanBatched(
        tokenizer=words,
        text_encoder=UMT5EncoderModel(
            UMT5Config(
                vocab_size=len(words),
                d_model=4096,
                d_kv=64,
                d_ff=10240,
                num_layers=24,
                num_heads=64,
            )
        ),
        image_encoder=clip_vit_h(projected=False).float(),
        image_processor=CLIPImageProcessor(),
        transformer=diffusers.WanTransformer3DModel(
            num_attention_heads=40,
            attention_head_dim=128,
            in_channels=36,
            out_channels=16,
            ffn_dim=13824,
            num_layers=40,
            image_dim=1280,
            added_kv_proj_dim=5120,
        ),
        vae=diffusers.AutoencoderKLWan().float(),  # as WIW loads it
        scheduler=scheduler(
            diffusers.UniPCMultistepScheduler,
            prediction_type="flow_prediction",
            use_flow_sigmas=True,
            flow_shift=3.0,
        ),
    )


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    table = Table(title="Seconds per candidate")
    for column in ("model", "M", "s per candidate", "batching", "peak GiB"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in rows:
        table.add_row(
            row["model"],
            str(row["candidates"]),
            f"{row['seconds_per_candidate']:.2f}",
            f"{row['batching_ratio']:.2f}x",
            f"{row['peak_gib']:.1f}",
        )
    Console().print(table)


PIPELINES: dict[str, tuple[type[VideoModel], Callable[[], Any]]] = {
    "svd": (SvdModel, svd),
    "wan21": (Wan21Model, wan),
}
assert isinstance(SvdModel.family, Svd) and isinstance(Wan21Model.family, Wan21)

if __name__ == "__main__":
    main()
